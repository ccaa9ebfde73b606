"""What can go wrong outside Mistral, as one tree; each text is a sentence for people.

::

    DriverError
    ├── ServiceMissingError         the cloud's catalogue has no Mistral
    ├── AuthenticationError         identity gave no token
    ├── UnreachableError            no answer, or 502, 503, 504, for as long as was tried
    ├── RefusedError                Mistral answered no (``status`` is the HTTP status)
    │   ├── NotFoundError           404
    │   ├── ConflictError           409
    │   └── WorkflowMissingError    the workflow to be started is not installed
    ├── ProblemsError               all that is wrong in files (driver.text.problems)
    │   ├── InvalidWorkbooksError   what shall be installed (driver.workbooks.files)
    │   ├── MethodsError            a file of recovery methods (driver.methods.model)
    │   └── PlanError               an action plan (driver.plans.model)
    └── StillRunningError           a wait ended before what it waited for
"""

import re

_SECRETS = (
    # Fernet and JWS tokens, wherever they stand.
    (re.compile(r"\bgAAAA[\w=-]{16,}"), "***"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), "***"),
    (
        re.compile(
            r"(?i)([\w-]*(?:token|password|secret)[\w-]*[\"']?\s*[:=]\s*[\"']?)[^\s\"',;}\])]+"
        ),
        r"\1***",
    ),
)


class DriverError(Exception):
    """Something that a person must know; its text is a sentence."""

    @property
    def may_pass(self) -> bool:
        """Whether asking again later may help."""
        return False


class ServiceMissingError(DriverError):
    """The cloud's catalogue has no Mistral."""


class AuthenticationError(DriverError):
    """Identity gave no token."""


class UnreachableError(DriverError):
    """Mistral gave no usable answer for as long as was tried; asking again later may help."""

    @property
    def may_pass(self) -> bool:
        """Always: Mistral has said nothing about the thing itself."""
        return True


class RefusedError(DriverError):
    """Mistral answered that it will not do it; asking again changes nothing.

    :param message: a sentence for people.
    :param status: the HTTP status of the answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether this is Mistral in trouble, and not its answer."""
        return self.status >= 500


class NotFoundError(RefusedError):
    """The thing asked for is not in this Mistral."""


class ConflictError(RefusedError):
    """The thing to be created is there already."""


class WorkflowMissingError(RefusedError):
    """The workflow to be started is not in this Mistral."""


def mask_secrets(text: str) -> str:
    """Return the text with whatever looks like a token or a password replaced.

    Mistral puts the text of failed expressions into its errors, and with some versions the
    whole data context stands there, the caller's token included.
    """
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class StillRunningError(DriverError):
    """A wait ended before what it waited for."""
