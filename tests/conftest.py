"""Fixtures that every test may use; the servers are started by tests/services.py."""
