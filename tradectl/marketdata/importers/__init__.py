"""One module per format; the content of a file decides its format. A new format is a module here and a line in `registry`."""
