"""Running the actions of a plan on a fake Nova, as their workflows do."""

import json

import pytest

from mistral_actions.action_plan import server_checks
from mistral_actions.servers import moves, steps

CHECKS = {
    "migrate": server_checks.CheckMigrate,
    "resize": server_checks.CheckResize,
    "evacuate": server_checks.CheckEvacuate,
    "stop": server_checks.CheckStop,
    "start": server_checks.CheckStart,
}
TO = {"source_node": "compute1", "destination_node": "compute2"}


def act(action, nova):
    """Run an action as `run` does, with this Nova; what goes through Mistral must be JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mistral_actions.base.nova_of", lambda context: nova)
        result = action.act_for(None)
    assert json.loads(json.dumps(result)) == result
    return result


def check(nova, kind, server="web", **parameters):
    server_id = server if isinstance(server, str) else server["id"]
    return act(CHECKS[kind]("a1", {"resource_id": server_id, **parameters}), nova)


def live(nova, server, **more):
    return check(nova, "migrate", server, **{"migration_type": "live", **TO, **more})


def cold(nova, server, **more):
    return live(nova, server, migration_type="cold", **more)


def step_of(todo, **more):
    if "kind" in todo:
        return moves.MoveServer(todo, **more)
    return steps.SwitchServer(todo)


def carry_out(nova, todo, most=30, **more):
    """Run a step as its task does: again, a second later, until it has finished."""
    for _ in range(most):
        result = act(step_of(todo, **more), nova)
        if result["finished"]:
            break
        nova.advance(1)
    return result


def written(nova):
    return [arguments[2] for name, arguments in nova.calls if name == "act"]


def ended(result):
    told = result["report"]
    return told["state"], told["reason"]
