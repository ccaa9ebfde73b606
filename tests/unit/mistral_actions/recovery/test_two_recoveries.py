"""Two recoveries of one host that start at the same moment, in every order of their steps."""

import datetime
import itertools
import types

import pytest

from mistral_actions.engine import executions
from mistral_actions.errors import Refused
from mistral_actions.recovery import hosts

HOST = "compute1"
NOW = datetime.datetime(2026, 11, 20, 12)
STEPS = ["plan looks", "plan answers", "gate looks", "gate answers"]
ORDERS = sorted(set(itertools.permutations("a" * len(STEPS) + "b" * len(STEPS))))


class Recovery:
    """As much of `recovery.host.recover` as decides whether it goes on; step by step."""

    def __init__(self, name, database):
        self.id, self.created_at, self.state = name, NOW, "RUNNING"
        self.input = {"host": HOST}
        self.spec = {"tasks": {"confirm": {"tags": ["gate"]}, "plan": {}}}
        self.database = database
        self.gate = None
        self.steps = iter(STEPS)
        self.seen = []

    def step(self):
        """Do the next step; an answer that says "not finished" makes the gate look again."""
        doing = next(self.steps)
        if doing == "plan looks":
            self.database.executions.append(self)
        elif doing == "gate looks":
            self.gate = "RUNNING"
        if doing.endswith("looks"):
            look = ("recovery.host.recover", "host")
            self.seen = executions.older_recoveries({"__execution": {"id": self.id}}, *look)
        elif doing == "plan answers":
            if any(other["decided"] for other in self.seen):
                self.end()
        else:
            self.answer_at_the_gate()

    def answer_at_the_gate(self):
        plan = {"host": HOST, "options": {}, "heartbeat": ""}
        down = types.SimpleNamespace(
            compute_service=lambda host: {"state": "down", "forced_down": True}
        )
        try:
            finished = hosts.CheckHostFailed(plan, self.seen).act(down)["finished"]
        except Refused:
            self.gate = "ERROR"
            self.end()
            return
        if finished:
            self.gate = "SUCCESS"
        else:
            self.steps = iter(STEPS[2:])

    def end(self):
        self.state, self.steps = "ERROR", iter(())


class Database:
    """Mistral's database with the two."""

    def __init__(self):
        self.executions = []

    def get_workflow_execution(self, execution_id):
        return next(one for one in self.executions if one.id == execution_id)

    def get_workflow_executions(self, workflow_name, state):
        return [one for one in self.executions if one.state == state]

    def get_task_executions(self, workflow_execution_id, name):
        assert name == {"in": ["confirm"]}
        gate = self.get_workflow_execution(workflow_execution_id).gate
        return [types.SimpleNamespace(state=gate)] if gate else []


@pytest.mark.parametrize("order", ORDERS, ids="".join)
def test_exactly_one_goes_on(monkeypatch, order):
    """Whoever is created first, and whatever stands between a look and its answer."""
    database = Database()
    monkeypatch.setattr("mistral_actions.engine.database.api", lambda: database)
    both = {name: Recovery(name, database) for name in "ab"}
    for name in itertools.chain(order, "ab" * 9):
        try:
            both[name].step()
        except StopIteration:
            continue
    assert sorted(one.gate or "refused before" for one in both.values()) in (
        ["ERROR", "SUCCESS"],
        ["SUCCESS", "refused before"],
    )
