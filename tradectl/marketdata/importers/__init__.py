"""One file per format; which one a file is, its content says. A new format is a module here and a line in `registry`."""
