"""The cases of the folder `cases` in the shared data, each as a test named after it."""
