"""The benchmark of a host recovery: the pack beside a floor, on one cloud in one run.

The floor is the least that brings the servers of a dead host up again: list them once, evacuate
them through a window, poll the migration records once a second, with one session. What the pack
needs more than that is the price of a workflow engine, of isolating the host, of locks and of a
report. ``python -m bench.host_recovery --help``.
"""
