"""The application: three calls about an action plan."""

import functools
import json
import logging
import pathlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import flask
import yaml

from driver.api import resources
from driver.api.access import Admit, Caller
from driver.api.errors import HttpError, http_error_of
from driver.plans.service import Plans
from driver.plans.status import Control
from driver.text.json_schemas import dotted, mistakes
from driver.text.messages import full_stop, legible, shown

LOG = logging.getLogger(__name__)

_LONGEST_BODY = 4096  # bytes
#: Why the workflows refuse to begin, and the status of the answer that says so.
REFUSALS = {
    "ALREADY_ROLLED_BACK": 400,
    "BAD_INPUT": 400,
    "CANCEL_RUNNING": 400,
    "PLAN_ENDED": 400,
    "TOO_OLD": 400,
    "UNKNOWN_PLAN": 404,
    "WRONG_STATE": 400,
}
_ONE = "/v1/action_plans/<plan_id>"

OpenPlans = Callable[[Caller], Plans]


def create_app(admit: Admit, open_plans: OpenPlans) -> flask.Flask:
    """Return the WSGI application.

    :param admit: lets callers in or raises `HttpError`; see :mod:`driver.api.access`.
    :param open_plans: returns the plans of Mistral as this caller may see them.
    """
    app = flask.Flask("recovery_api", static_folder=None)
    # otherwise an address with // would be answered with a redirect
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = _LONGEST_BODY
    app.before_request(lambda: _let_in(admit, open_plans))
    app.register_error_handler(Exception, _refuse)
    for path, method, view in (
        (_ONE, "GET", show),
        (f"{_ONE}/cancel", "POST", cancel),
        (f"{_ONE}/rollback", "POST", rollback),
    ):
        app.add_url_rule(path, view_func=view, methods=[method], provide_automatic_options=False)
    return app


def show(plan_id: str) -> resources.Body:
    """Return the plan with its actions; if nothing of it moves, let Mistral look again."""
    plan = _plans().read(_plan(plan_id))
    _plans().look_again(plan)
    return resources.plan(plan, flask.request.url_root)


def cancel(plan_id: str) -> resources.Body:
    """Begin to cancel the plan; return the plan."""
    plan = _plan(plan_id)
    _inputs("cancel")
    _accepted(_plans().cancel(plan))
    _tell("is being cancelled", plan)
    return resources.plan(_plans().read(plan), flask.request.url_root)


def rollback(plan_id: str) -> resources.Body:
    """Begin to roll the plan back; return the rollback."""
    plan = _plan(plan_id)
    begun = _accepted(_plans().rollback(plan, _inputs("rollback").get("max_age")))
    _tell("is being rolled back", plan)
    return resources.rollback(begun, flask.request.url_root)


def _let_in(admit: Admit, open_plans: OpenPlans) -> None:
    flask.g.caller = admit(flask.request.environ)
    flask.g.plans = open_plans(flask.g.caller)


def _refuse(error: Exception) -> flask.Response:
    problem = http_error_of(error)
    answer = flask.jsonify(problem.body)
    answer.status_code = problem.status
    answer.headers.update(problem.headers)
    return answer


def _plans() -> Plans:
    plans: Plans = flask.g.plans
    return plans


def _accepted(control: Control) -> Control:
    """Return what was begun.

    :raises HttpError: 400 or 404, the workflow has refused it and nothing was changed.
    """
    if control.state == "FAILED" and control.reason in REFUSALS:
        raise HttpError(REFUSALS[control.reason], control.reason, control.message)
    return control


def _tell(what: str, plan: str) -> None:
    caller: Caller = flask.g.caller
    LOG.info("plan %s %s, for user %s in project %s", plan, what, caller.user, caller.project)


def _plan(text: str) -> str:
    """Return the uuid in a path, in lower case.

    :raises HttpError: 400, it is none.
    """
    try:
        plan = str(uuid.UUID(text))
    except ValueError:
        plan = ""
    # UUID() reads other notations as well: two addresses for one plan help nobody
    if plan != text.lower():
        raise HttpError(400, "BAD_INPUT", f"{shown(text)} is not the uuid of an action plan.")
    return plan


def _inputs(call: str) -> dict[str, Any]:
    """Return what the body gives; nothing if there is none.

    :param call: `cancel` or `rollback`.
    :raises HttpError: 400 or 415.
    """
    data = flask.request.get_data()
    if not data:
        return {}
    if not flask.request.is_json:
        kind = legible(flask.request.mimetype) or "no kind"
        raise HttpError(415, "BAD_INPUT", f"The body must be application/json; it is {kind}.")
    try:
        given: dict[str, Any] = json.loads(data, parse_float=_number)
    except (ValueError, RecursionError):
        raise HttpError(400, "BAD_INPUT", "The body is not JSON.") from None
    for path, text in mistakes(_body(call), given):
        raise HttpError(400, "BAD_INPUT", full_stop(f"{dotted(path) or 'body'}: {text}"))
    return given


def _number(text: str) -> float:
    # For JSON 60.0 is a whole number as well
    value = float(text)
    return int(value) if value.is_integer() else value


def _body(call: str) -> Mapping[str, Any]:
    """Return the schema of a call's body, as the interface is described."""
    described = _interface()["paths"][f"/v1/action_plans/{{uuid}}/{call}"]["post"]["requestBody"]
    schema: Mapping[str, Any] = described["content"]["application/json"]["schema"]
    return schema


@functools.cache
def _interface() -> Mapping[str, Any]:
    text = pathlib.Path(__file__).with_name("openapi.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))
