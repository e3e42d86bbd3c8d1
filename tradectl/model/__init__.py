"""Define the immutable values that every other package uses, without I/O, clock or trading rules."""
