"""The notices of the begin and the end of a rebuild."""

import contextlib
from typing import Any
from urllib.parse import urlsplit

from keystoneauth1 import exceptions as ksa
from keystoneauth1 import session

from mistral_actions import inputs
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import BadInput, Failed, Report, Unavailable, report
from mistral_actions.nodes.plans import RebuildPlan

NOTICE_SECONDS = 10


def web_address(value: Any) -> str:
    """Return the address that notices go to.

    :raises BadInput: it is none; it may hold a token, so the sentence does not quote it.
    """
    text = inputs.bare(value)
    with contextlib.suppress(ValueError):
        parts = urlsplit(text if isinstance(text, str) and text.isprintable() else "")
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return str(text)
    raise BadInput(
        "Input 'notify_url' is missing or of no use: it must be a URL that begins with http:// or"
        " https://. Nothing was changed."
    )


class PostNotice(RecoveryAction):
    """Post a notice of a rebuild, as JSON; polled while nobody takes it.

    Not `std.http`: that writes the URL into logs and errors, and the token that may be in it.

    :param url: where to. :param event: rebuild_begins or rebuild_ended.
    :param plan: the plan of the rebuild. :param report: how it stands.
    :param execution: id of the execution, by which a notice that comes twice is known.
    :returns: the `report` of the notice. Errors: NOTICE_FAILED. Nova: nothing.
    """

    def __init__(
        self, url: str, event: str, plan: RebuildPlan, report: Report, execution: str
    ) -> None:
        self.url = url
        self.event = event
        self.plan = plan
        self.report = report
        self.execution = execution

    def act_for(self, context: Any) -> Report:
        """Post it."""
        url = web_address(self.url)
        parts = urlsplit(url)
        place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        _refuse_by_policy(url, place)
        try:
            status = (
                session.Session(timeout=NOTICE_SECONDS)
                .post(
                    url,
                    json=self._body(),
                    authenticated=False,
                    redirect=False,
                    raise_exc=False,
                    log=False,
                )
                .status_code
            )
        except ksa.ClientException as error:
            text = f"The notice to {place} could not be sent: {type(error).__name__}."
            raise Unavailable(text, "NOTICE_FAILED") from None
        if status >= 300:
            again = status >= 500 or status in (408, 429)
            text = f"The notice to {place} was not taken: HTTP {status}."
            raise (Unavailable if again else Failed)(text, "NOTICE_FAILED")
        text = f"{place} has taken the notice {self.event}."
        return {"report": report("SUCCEEDED", "NOTIFIED", text, {"event": self.event})}

    def _body(self) -> dict[str, Any]:
        own, options = self.plan["server"], self.plan["options"]
        text = self.report["message"]
        if self.event == "rebuild_begins":
            text = f"{own['name']} is about to be rebuilt: {options['reason']}."
        return {
            "event": self.event,
            "text": text,
            "reason": options["reason"],
            "node_id": own["id"],
            "node_name": own["name"],
            "cluster_id": options["cluster_id"],
            "execution": self.execution,
            "state": self.report["state"],
        }


def _refuse_by_policy(url: str, place: str) -> None:
    """Keep to Mistral's own rules about where its executors may connect, as std.http does.

    :raises Failed: NOTICE_FAILED.
    """
    try:
        from mistral.utils import egress  # since Mistral 23
    except ImportError:
        return
    try:
        egress.validate_url(url)
    except Exception:  # noqa: BLE001 - Mistral's exception quotes the URL, whatever it is
        text = f"Mistral's [action_std_http] does not let its executors connect to {place}."
        raise Failed(text, "NOTICE_FAILED") from None
