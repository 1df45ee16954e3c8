"""The connection to Redis that never makes a request wait for long."""
