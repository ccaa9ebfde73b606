"""Recoveries as people see them: what runs, how far it is, how it ended."""
