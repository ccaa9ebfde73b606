"""Plans and passes of a recovery on the fake Nova, as the workbook would run them."""

import json

from mistral_actions.errors import Failed
from mistral_actions.recovery.evacuation_pass import EvacuationPass
from mistral_actions.recovery.hosts import PlanHostRecovery

HOST = "compute1"
OURS = f"Recovery of host {HOST}"


def plan_of(nova, plans=(), **options):
    """Return the plan of a recovery of compute1, as JSON brings it to the next task."""
    records = {"running": None, "in_flight": False, "plans": [*plans]}
    action = PlanHostRecovery(HOST, options=options, records=records)
    return json.loads(json.dumps(action.act(nova)))


def one_pass(nova, plan, destination=None, tried_before=None, begin=True):
    """Do one pass; return its result, which is a report when it has finished in any way."""
    before = plan["tried_before"] if tried_before is None else tried_before
    try:
        result = EvacuationPass(nova, plan, destination, before, begin).run()
    except Failed as failed:
        return {"finished": True, "report": failed.as_dict()["report"]}
    return json.loads(json.dumps(result))


def attempt(nova, plan, destination=None, tried_before=None, most=400):
    """Poll until the evacuation has finished, one second between two passes; return its report."""
    for _ in range(most):
        result = one_pass(nova, plan, destination, tried_before)
        if result["finished"]:
            return result["report"]
        nova.advance(1)
    raise AssertionError(f"not finished after {most} passes: {result}")


def by_name(report):
    """Return the lines of a report by the names of their servers."""
    lines = {line["name"]: line for line in report["details"]["servers"]}
    assert len(lines) == len(report["details"]["servers"]), "a server is listed twice"
    return lines


def states(report):
    """Return state and reason of each server of a report."""
    return {name: (line["state"], line["reason"]) for name, line in by_name(report).items()}


def now_is(nova, name):
    """Return what a server is now: host, vm_state and the reason of its lock (None: unlocked)."""
    server = next(s for s in nova.all.values() if s["name"] == name)
    reason = (server["locked_reason"] or "") if server["locked"] else None
    return server["OS-EXT-SRV-ATTR:host"], server["OS-EXT-STS:vm_state"], reason


def at_call(name, action=None, which=1, doing=None):
    """Return a hook that does something (or raises it) at the n-th call of that kind."""
    left = [which]

    def hook(called, arguments):
        if called == name and (action is None or action in arguments[2]):
            left[0] -= 1
            if left[0] == 0:
                if isinstance(doing, BaseException):
                    raise doing
                doing()

    return hook
