"""Random clouds, random trouble: what must hold however a recovery is disturbed.

Each example is a recovery on the fake Nova whose passes are cut short at random calls: by the death
of the process, or by an error of Nova, before the call was carried out or behind it; or Nova leaves
out of an answer what lies in a cell that does not answer.
"""

import collections

from hypothesis import given, settings
from hypothesis import strategies as st

from mistral_actions.errors import Unavailable
from tests.unit.mistral_actions.fake_nova import FakeNova, Killed
from tests.unit.mistral_actions.recovering import by_name, one_pass, plan_of

OFF = ("stopped", "suspended", "shelved")
MOST_PASSES = 600  # of a second each; far more than any of these recoveries needs

STATES = st.sampled_from(["active", "stopped", "paused", "error"])
CLOSES_A_LOOK = {"evacuate", "os-resetState"}

servers = st.fixed_dictionaries(
    {
        "vm_state": st.sampled_from(
            ["active", "stopped", "error", "paused", "suspended", "rescued", "resized", "shelved"]
        ),
        "task": st.sampled_from([None, None, None, "powering-off", "image_snapshot"]),
        "lock": st.sampled_from([None, None, "", "the user's"]),
        "ha": st.booleans(),
        "outcomes": st.lists(
            st.sampled_from(["done", "error", "failed", "claim", "stuck"]), max_size=2
        ),
        "deleted": st.none() | st.integers(0, 60),
    }
)
troubles = st.lists(
    st.tuples(
        st.integers(1, 25),  # calls until it comes
        st.sampled_from(["killed", "killed behind", "error", "answer lost", "left out", "in part"]),
        st.sampled_from([0, 1, 5, 30]),  # seconds until the next process takes over
    ),
    max_size=12,
)
worlds = st.fixed_dictionaries(
    {
        "servers": st.lists(servers, min_size=1, max_size=6),
        "troubles": troubles,
        "concurrency": st.integers(1, 4),
        "lock_servers": st.booleans(),
        "scheduling": st.integers(1, 6),
        "spawning": st.integers(1, 12),
        "attempts": st.integers(1, 2),
    }
)


class Troubled:
    """Lets the calls of a Nova go wrong, one trouble after the other."""

    def __init__(self, nova, planned, deletions):
        self.nova, self.planned = nova, collections.deque(planned)
        self.deletions = deletions
        self.count = 0
        self.pause = 0
        nova.hook, nova.afterwards, nova.shown = self.before, self.behind, self.shown

    def before(self, name, arguments):
        self.count += 1
        for server_id in [s for s, call in self.deletions.items() if call <= self.count]:
            del self.deletions[server_id]
            self.nova.all.pop(server_id)
        self.strike("killed", Killed())
        self.strike("error", Unavailable("HTTP 503"))

    def behind(self, name, arguments):
        self.strike("killed behind", Killed())
        self.strike("answer lost", Unavailable("no answer"))

    def shown(self, name, answer):
        if isinstance(answer, list) and name != "server_actions" and self.comes("left out"):
            return []
        if isinstance(answer, dict) and self.comes("in part"):
            return {"id": answer["id"], "status": "UNKNOWN"}
        return answer

    def strike(self, kind, error):
        if self.comes(kind):
            raise error

    def comes(self, kind):
        if self.planned and self.planned[0][1] == kind and self.count >= self.planned[0][0]:
            self.pause = self.planned.popleft()[2]
            self.planned = collections.deque((n + self.count, *r) for n, *r in self.planned)
            return True
        return False

    def run(self, plan, destination, tried_before):
        """Run passes, by as many processes as it takes, until one says that all is finished."""
        for _ in range(MOST_PASSES):
            try:
                result = one_pass(self.nova, plan, destination, tried_before)
            except (Killed, Unavailable):
                self.nova.advance(self.pause)
            else:
                if result["finished"]:
                    return result["report"]
            self.nova.advance(1)
        raise AssertionError(f"the passes do not come to an end: {result}")


def built(world):
    nova = FakeNova()
    nova.scheduling, nova.spawning = world["scheduling"], world["spawning"]
    deletions = {}
    for number, one in enumerate(world["servers"]):
        metadata = {"HA_Enabled": "True"} if one["ha"] else {}
        server = nova.add(
            f"s{number}",
            vm_state=one["vm_state"],
            task=one["task"],
            lock=one["lock"],
            metadata=metadata,
        )
        nova.outcomes[server["id"]] = list(one["outcomes"])
        if one["deleted"] is not None:
            deletions[server["id"]] = one["deleted"] + 6  # the plan is made before
    return nova, deletions


@settings(max_examples=300)
@given(world=worlds)
def test_whatever_happens_each_server_is_moved_once_and_ends_as_what_it_was(world):
    nova, deletions = built(world)
    plan = plan_of(
        nova,
        concurrency=world["concurrency"],
        lock_servers=world["lock_servers"],
        evacuation_timeout=20,
    )
    troubled = Troubled(nova, world["troubles"], deletions)
    report = troubled.run(plan, None, None)
    if world["attempts"] == 2 and report["state"] == "FAILED":
        report = troubled.run(plan, "compute3", report["details"]["newest_migration"])
    lines = by_name(report)

    assert nova.beside_running == []
    stuck = [r for r in nova.running() if r["status"] == "accepted"]
    assert nova.most_running <= world["concurrency"] + len(stuck)
    moves = collections.Counter(r["instance_uuid"] for r in nova.records if r["status"] == "done")
    assert all(number == 1 for number in moves.values())
    assert sorted(lines) == [f"s{number}" for number in range(len(world["servers"]))]
    assert {line["state"] for line in lines.values()} <= {"MOVED", "FAILED", "SKIPPED"}
    assert (report["state"] == "FAILED") is ("FAILED" in {x["state"] for x in lines.values()})

    for number, one in enumerate(world["servers"]):
        line = lines[f"s{number}"]
        server = nova.all.get(line["id"])
        if server is None:
            continue
        assert (line["state"] == "MOVED") is (line["id"] in moves)
        assert server["locked"] is (one["lock"] is not None)
        assert (server["locked_reason"] or "") == (one["lock"] or "")
        if line["state"] == "MOVED":
            was = "stopped" if one["vm_state"] in OFF else "active"
            was = "error" if one["vm_state"] == "error" else was
            assert line["reason"] == "EVACUATED"
            assert server["OS-EXT-STS:vm_state"] == was
            assert server["OS-EXT-STS:task_state"] is None
            assert server["OS-EXT-SRV-ATTR:host"] == line["to"] != "compute1"
        else:
            assert server["OS-EXT-SRV-ATTR:host"] == "compute1"
