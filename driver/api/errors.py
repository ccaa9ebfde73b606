"""Errors as answers: JSON with a code and a sentence, never a token and never a traceback."""

import http
import json
import logging
import traceback
from typing import Any

from werkzeug.exceptions import HTTPException

from driver.errors import (
    AuthenticationError,
    DriverError,
    NotFoundError,
    RefusedError,
    ServiceMissingError,
    UnreachableError,
    WorkflowMissingError,
    mask_secrets,
)

LOG = logging.getLogger(__name__)

_RETRY_AFTER = "5"  # seconds
#: Werkzeug's own errors, and the code that each is answered with.
_REASONS = {
    400: "BAD_INPUT",
    404: "UNKNOWN_PATH",
    405: "UNKNOWN_METHOD",
    413: "BAD_INPUT",
    415: "BAD_INPUT",
}
_SENTENCES = {
    404: "There is nothing at this address; an action plan is at /v1/action_plans/<uuid>.",
    405: "This address does not know the method.",
    413: "The body is too long: the longest call needs less than 100 bytes.",
}


class HttpError(Exception):
    """What the caller is answered instead of what was asked for.

    :param status: of HTTP.
    :param reason: a code.
    :param message: a sentence for people.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = mask_secrets(message)
        self.headers: dict[str, str] = {}

    @property
    def body(self) -> dict[str, Any]:
        """The answer: ``error`` is for everybody, ``error_message`` for Watcher's client."""
        title = http.HTTPStatus(self.status).phrase
        fault = {
            "faultcode": "Client" if self.status < 500 else "Server",
            "faultstring": self.message,
            "debuginfo": None,
        }
        return {
            "error": {
                "code": self.status,
                "title": title,
                "reason": self.reason,
                "message": self.message,
            },
            "error_message": json.dumps(fault),
        }


def http_error_of(error: Exception) -> HttpError:
    """Return the answer to a request that ended with an error.

    What is not the caller's affair is logged, as one line.
    """
    if isinstance(error, HttpError):
        return error
    if isinstance(error, HTTPException):
        return _from_werkzeug(error)
    if isinstance(error, DriverError):
        problem = _from_driver(error)
        if problem.status >= 500:
            LOG.error("%s: %s", problem.reason, problem.message)
        return problem
    LOG.error("%s at %s: a defect, please report it", type(error).__name__, _place(error))
    return HttpError(500, "INTERNAL_ERROR", "A defect of this service; its log says where.")


def _from_werkzeug(error: HTTPException) -> HttpError:
    status = error.code if error.code and error.code >= 400 else 500
    told = _SENTENCES.get(status) or error.description or http.HTTPStatus(status).phrase
    problem = HttpError(status, _REASONS.get(status, "BAD_REQUEST"), told)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        problem.headers["Allow"] = ", ".join(sorted(allowed))
    return problem


def _from_driver(error: DriverError) -> HttpError:
    """Tell the caller's part (4xx) from Mistral's and the operator's (5xx)."""
    text = str(error)
    status = error.status if isinstance(error, RefusedError) else 0
    if isinstance(error, WorkflowMissingError):
        return HttpError(503, "NOT_INSTALLED", text)
    if isinstance(error, NotFoundError):
        return HttpError(404, "UNKNOWN_PLAN", text)
    if isinstance(error, AuthenticationError) or status == 401:
        return HttpError(401, "UNAUTHORIZED", text)
    if status == 403:
        return HttpError(403, "FORBIDDEN", text)
    if isinstance(error, UnreachableError | ServiceMissingError):
        problem = HttpError(503, "MISTRAL_UNAVAILABLE", text)
        problem.headers["Retry-After"] = _RETRY_AFTER
        return problem
    return HttpError(502, "MISTRAL_ERROR", text)


def _place(error: Exception) -> str:
    """Return file and line of an error, without the values that a traceback may show."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
