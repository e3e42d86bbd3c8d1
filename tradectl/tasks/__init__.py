"""The tasks of the day, a package each: `TASK` declares the task, the module `step` runs a step of it."""
