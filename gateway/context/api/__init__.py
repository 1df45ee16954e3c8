"""The context of end users, written, read and erased by a project with its key."""
