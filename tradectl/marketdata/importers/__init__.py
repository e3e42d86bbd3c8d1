"""Import files, one module per format. The content of a file decides its format. A new format needs a line in `registry`."""
