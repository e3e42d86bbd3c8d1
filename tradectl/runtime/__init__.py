"""When a task runs, and what is written down about it: agenda, runner, run-due and daemon are one loop over claims."""
