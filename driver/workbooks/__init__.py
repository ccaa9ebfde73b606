"""Workbooks as files: found, read, linted, written and installed."""
