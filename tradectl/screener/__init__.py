"""Run the evening screen of `analyze`: the features of all instruments, the rules for each, and the score of candidates."""
