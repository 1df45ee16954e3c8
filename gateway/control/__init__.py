"""The control API: everything that an operator configures and looks at, as resources."""
