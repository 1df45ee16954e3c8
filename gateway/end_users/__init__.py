"""The end users of a project, managed by the project itself with its key."""
