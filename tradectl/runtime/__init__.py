"""Run tasks when they are due, and record each run: agenda, runner, run-due and daemon share one loop over claims."""
