"""The one error that the lab raises for reasons its user can do something about."""


class LabError(Exception):
    """A sentence that says what went wrong, and where to look."""
