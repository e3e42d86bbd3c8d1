"""The jobs of the day, one file each; a module here that has a TASK is a task."""
