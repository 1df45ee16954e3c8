"""Usage figures for who calls: a project with its key, people with their role."""
