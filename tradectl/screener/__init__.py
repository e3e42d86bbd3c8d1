"""The evening screen of `analyze`: features of all instruments, the rules for each, and the score of the candidates."""
