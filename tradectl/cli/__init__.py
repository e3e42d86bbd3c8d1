"""The command line: parse arguments, call the other packages and print results. It contains no trading rule."""
