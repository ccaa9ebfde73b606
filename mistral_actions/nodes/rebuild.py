"""The rebuild of one server."""

import contextlib
import time
from typing import Any

from mistral_actions import inputs, steps
from mistral_actions.base import RecoveryAction
from mistral_actions.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Refused,
    Rejected,
    Report,
    report,
)
from mistral_actions.inputs import Option
from mistral_actions.nodes import preparation
from mistral_actions.nodes.notices import web_address
from mistral_actions.nodes.plans import RebuildPlan
from mistral_actions.recovery_plan import Options, ServerOnHost
from mistral_actions.servers.records import newest_action
from mistral_actions.servers.state import busy
from mistral_actions.servers.steps import ServerStep
from mistral_actions.services.nova import Nova

OPTIONS = {
    **preparation.COMMON,
    "image": Option(inputs.identifier, None),
    "timeout": Option(steps.ACTION_TIMEOUT["action_timeout"].parse, None),
}
REBUILDABLE = ("active", "stopped", "error")  # what Nova takes
# No image ever has this id. Nova looks at the caller's rights first, then at the server, then for
# the image, and writes nothing before it has found that.
NO_IMAGE = "00000000-0000-0000-0000-000000000000"


class PlanNodeRebuild(RecoveryAction):
    """See whether a server can be rebuilt by this caller; writes nothing; polled.

    :param node_id: id of the server. :param notify_url: where notices are posted.
    :param reason: why, for people. :param image: id; null: the one that the server has.
    :param cluster_id: the Senlin cluster that it is in. :param dry_run: only report.
    :param timeout: seconds until it must be rebuilt. :param settings: environment `recovery`.
    :param running: other recoveries of the server and its host (lists of `older_recoveries`).
    :returns: the plan, with a report; `go_on` is false if there is nothing (more) to do.
    Errors: BAD_INPUT, UNKNOWN_SERVER, DELETED, LOCKED, RECOVERY_RUNNING, WRONG_STATE, HOST_DOWN,
    VOLUME_BOOTED, UNKNOWN_IMAGE, FORBIDDEN.
    Nova: looks up the server, its host, the image, and what was done with it; asks for a rebuild
    with an image that does not exist, which tells whether the caller may and changes nothing.
    """

    _for_members = True

    def __init__(
        self,
        node_id: Any,
        notify_url: Any,
        reason: Any = None,
        image: Any = None,
        cluster_id: Any = None,
        dry_run: Any = None,
        timeout: Any = None,
        settings: Any = None,
        running: Any = None,
    ) -> None:
        self.node_id = node_id
        self.notify_url = notify_url
        self.reason = reason
        self.image = image
        self.cluster_id = cluster_id
        self.dry_run = dry_run
        self.timeout = timeout
        self.settings = settings or {}
        self.running = running

    def act(self, nova: Nova) -> RebuildPlan | dict[str, Any]:
        """Return the plan."""
        web_address(self.notify_url)
        options = inputs.merge(OPTIONS, {name: getattr(self, name) for name in OPTIONS}, {})
        server = preparation.find(nova, self.node_id)
        self._refuse(nova, server, options["dry_run"])
        if now := busy(server):
            return preparation.wait(now)
        image = _image(nova, server, options["image"])
        own = preparation.about(server)
        newest = newest_action(nova, own["id"])  # before the look at the rights
        _may_rebuild(nova, own)
        set_once = inputs.merge(steps.ACTION_TIMEOUT, {}, self.settings)["action_timeout"]
        return {
            "server": own,
            "options": options,
            "go_on": not options["dry_run"],
            "polls": steps.polls(options["timeout"] or set_once),
            "resource": {"id": own["id"], "name": own["name"]},
            "request": {"rebuild": {"imageRef": image["id"]}},
            "asked": "rebuild",
            "newest_action": newest,
            "report": _plan_report(own, options, image),
        }

    def _refuse(self, nova: Nova, server: dict[str, Any], dry_run: bool) -> None:
        name, state = server["name"], server["OS-EXT-STS:vm_state"]
        host = server.get("OS-EXT-SRV-ATTR:host")  # shown to administrators only
        preparation.refuse_locked(server)
        if state not in REBUILDABLE:
            raise Refused(
                f"{name} is {state}: Nova rebuilds {', '.join(REBUILDABLE)} servers only. Nothing"
                " was changed.",
                "WRONG_STATE",
            )
        with contextlib.suppress(Forbidden):
            if host and nova.compute_service(host)["state"] == "down":
                raise Refused(
                    f"{name} is on {host}, which is down: nobody there could rebuild it. Move it:"
                    " `recovery.node.migrate`. Nothing was changed.",
                    "HOST_DOWN",
                )
        if not dry_run:
            preparation.refuse_a_second(self.running, server)


def _image(nova: Nova, server: dict[str, Any], given: str | None) -> dict[str, Any]:
    """Return the image to rebuild from.

    :raises Refused: VOLUME_BOOTED or UNKNOWN_IMAGE.
    """
    name = server["name"]
    if not server["image"]:
        raise Refused(
            f"{name} was booted from a volume, and a rebuild would leave what is on it. Restore"
            " the volume, or let Senlin RECREATE the node. Nothing was changed.",
            "VOLUME_BOOTED",
        )
    wanted = given or server["image"]["id"]
    hint = "Give another one as input 'image'; `openstack image list` shows them."
    try:
        image = nova.image(wanted)
    except NotFound:
        whose = "" if given else f", from which {name} was booted, any more"
        text = f"There is no image {wanted}{whose}. {hint} Nothing was changed."
        raise Refused(text, "UNKNOWN_IMAGE") from None
    if image["status"] != "ACTIVE":
        text = f"Image {wanted} is {image['status']}, and not ready. {hint} Nothing was changed."
        raise Refused(text, "UNKNOWN_IMAGE")
    return image


def _may_rebuild(nova: Nova, own: ServerOnHost) -> None:
    """See whether the caller may rebuild the server: nothing else in Nova tells it beforehand.

    :raises Forbidden: in a sentence that says whose rights are meant.
    :raises Refused: WRONG_STATE: the server has changed since the look at it.
    """
    doing = f"asking whether the caller may rebuild {own['name']}"
    try:
        nova.act(own["id"], doing, {"rebuild": {"imageRef": NO_IMAGE}})
    except Forbidden as error:
        raise preparation.member_missing(error, "A rebuild") from None
    except Conflict as error:
        raise Refused(f"{error.message} Nothing was changed.", "WRONG_STATE") from None
    except Rejected:
        return  # no such image: all else is right


def _plan_report(own: ServerOnHost, options: Options, image: dict[str, Any]) -> Report:
    more = {"type": "rebuild", "image": image["id"], "undo": None}
    found = preparation.details(own, options, ("PENDING", "SELECTED"), **more)
    what = f"{own['name']} from image {image.get('name') or image['id']}"
    if options["dry_run"]:
        text = f"Would rebuild {what}: what is on its disk is lost. Would post two notices."
        return report("SUCCEEDED", "DRY_RUN", text, found)
    return report("FAILED", "NOT_ENDED", f"The rebuild of {what} has not ended.", found)


class RebuildServer(ServerStep[RebuildPlan]):
    """Rebuild a server, once, and look until it is; polled.

    :param todo: the plan of the rebuild.
    :param alone: false while another run of this step is at work: then this one does nothing.
    :returns: `finished`, and then the report.
    Errors: REBUILD_FAILED, REFUSED, GONE, FORBIDDEN.
    Nova: looks up the server, and what was done with it; rebuild.
    """

    _for_members = True

    def act(self, nova: Nova) -> dict[str, Any]:
        """Rebuild it, unless that was done since the plan was made, by whomever."""
        looked = time.monotonic()
        server = self._look(nova)
        if now := busy(server):
            return self._not_yet(now)
        # in this order: what others do after the look is among the actions
        if not self._asked(nova, "rebuild"):
            return self._ask(nova, looked)
        server = self._look(nova)  # it was asked after the first look, or has ended
        if now := busy(server):
            return self._not_yet(now)
        state, was = server["OS-EXT-STS:vm_state"], self.todo["server"]["was"]
        if state == "error" or self._is_failed(nova):
            raise self._did_not_work(nova, server)
        if (state, was) == ("active", "stopped"):
            return self._not_yet(f"{self._name} is rebuilt and about to be stopped, as it was")
        return self._rebuilt(state)

    def _not_yet(self, now: str) -> dict[str, Any]:
        late = f"{self._name} was not rebuilt in time: {now}."
        return {**super()._not_yet(now), "report": self._report("FAILED", "TIMED_OUT", late)}

    def _is_failed(self, nova: Nova) -> bool:
        """Say whether Nova gave up before it touched the server, which is then as it was."""
        done = nova.server_actions(self._id)
        request = self._asked(nova, "rebuild")
        return any(one["request_id"] == request and one.get("message") for one in done)

    def _rebuilt(self, state: str) -> dict[str, Any]:
        own = self.todo["server"]
        text = f"{self._name} was rebuilt and is {state}."
        if state == "stopped":
            text = f"{self._name} was rebuilt and is stopped, as it was before."
        (line,) = self.todo["report"]["details"]["servers"]
        one = {**line, "state": "RECOVERED", "reason": "REBUILT", "to": own["host"]}
        told = self._report("SUCCEEDED", "REBUILT", text, {"servers": [one]})
        return {"finished": True, "report": told}
