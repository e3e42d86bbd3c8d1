"""The jobs of the day, a package each; one that has a TASK is a task, and its module `step` does a step of it."""
