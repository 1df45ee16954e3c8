"""Versions of the configuration: listed, compared, and gone back to.

A version is a transaction that changed the configuration, and its number the greatest id
among the rows of `ConfigChange` that it left. What the rows were at a version is told by
the audit, whose events have the moment at which their transaction began.
"""
