"""Every action, shown records from which fields were taken: it asks again, it is not surprised.

Nova's API guide says which fields can be missing or null. The claim is made for all of them, so
that no list of them has to be kept.
"""

import configparser
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mistral_actions.action_plan import bare_metal, compute_services, server_checks, volumes
from mistral_actions.nodes import migration, preparation, rebuild
from mistral_actions.recovery import evacuation, hosts, instance_steps, instances, processes
from mistral_actions.servers import moves, steps
from mistral_actions.services.records import Record
from tests.unit.mistral_actions.fake_nodes import IMAGE, FakeNodes
from tests.unit.mistral_actions.fake_nova import stamp
from tests.unit.mistral_actions.planning import live
from tests.unit.mistral_actions.recovering import plan_of

SETUP = Path(__file__).parents[3] / "setup.cfg"
# these look at no service, or at Mistral only
LOOK_AT_NOTHING = {
    "prepare_servers",
    "post_notice",
    "check_look",
    "tell_look",
    "start_finally",
    "sleep",
    "nop",
    "check_plan_cancel",
    "check_plan_stopped",
    "stop_plan",
    "check_plan_rollback",
}
NODE = "9a2f0d5c-0000-4000-8000-000000000001"
VOLUME = "6edbc2f4-0000-4000-8000-000000000002"
AWAY = "compute1"  # a dead host
HERE = "compute2"


class Cloud(FakeNodes):
    """A Nova, an Ironic and a Cinder in one; `taken` says what is not shown of their answers.

    `taken` maps the number of a call to what happens with each record of its answer: the fields
    that are missing, those that are null, and whether next to nothing is shown.
    """

    def __init__(self):
        super().__init__(down=(AWAY,))
        self.beat()
        self.host_aggregates = [{"id": 1, "name": "ssd", "hosts": [AWAY]}]
        self.ha = {"metadata": {"HA_Enabled": "on"}, "host_status": "UP"}
        self.web = self.add("web", HERE, image={"id": IMAGE}, **self.ha)
        self.off = self.add("off", HERE, "stopped", image={"id": IMAGE}, **self.ha)
        self.lost = [self.add(name, AWAY, image={"id": IMAGE}) for name in ("lost", "gone")]
        self.fallen = self.add("fallen", AWAY, "error", lock="", **self.ha)
        self.add_record(self.fallen, "failed", source=AWAY, to=HERE)
        self.shown, self.taken, self.answers = self._take, {}, 0

    def node(self, node_id):
        shown = {"uuid": node_id, "name": "blade", "power_state": "power on", "last_error": None}
        return self._call("node", lambda: shown, node_id)

    def set_power(self, node_id, target):
        """Take it."""

    def volume(self, volume_id):
        shown = {"id": volume_id, "name": "disk", "status": "available", "volume_type": "slow"}
        return self._call("volume", lambda: {**shown, "os-vol-host-attr:host": "a@b#c"}, volume_id)

    def pools(self):
        return ["a@b#c", "a@b#d"]

    def types(self):
        return self._call("types", lambda: [{"id": "t", "name": "fast"}])

    def _take(self, name, answer):
        self.answers += 1
        taken = self.taken.get(self.answers)
        if taken is None or not isinstance(answer, dict | list):
            return answer
        if isinstance(answer, list):
            return [less(record, *taken) for record in answer]
        return less(answer, *taken)


def less(record, missing, null, in_part):
    record = copy.deepcopy(dict(record))
    if in_part:
        kept = ("id", "binary", "host", "created", "tenant_id", "instance_uuid", "request_id")
        return {key: record[key] for key in kept if key in record} | {"status": "UNKNOWN"}
    for key in list(record):
        if key in missing:
            del record[key]
        elif key in null:
            record[key] = None
        elif isinstance(record[key], dict):
            record[key] = less(record[key], missing, null, False)
    return record


def process_plan(nova):
    return processes.PlanProcessRecovery(HERE).act(nova)


def instance_plan(nova):
    return instances.PlanInstanceRecovery("web").act(nova)


def node_plan(nova, server, host=None):
    return migration.PlanNodeMigration(server["id"], host).act(nova)


def arrived(nova):
    plan = node_plan(nova, nova.lost[0])
    nova.lost[0]["OS-EXT-SRV-ATTR:host"] = "compute3"
    return plan


def moving(nova):
    todo = live(nova, nova.web, source_node=HERE, destination_node="compute3")
    moves.MoveServer(todo).act(nova)
    nova.advance(2)
    return todo


def check(kind, server, **parameters):
    return lambda nova: kind("a1", {"resource_id": getattr(nova, server)["id"], **parameters})


LIVE = {"migration_type": "live", "source_node": HERE, "destination_node": "compute3"}
POWER = {"resource_id": NODE, "state": "off"}
VOLUMES = {"resource_id": VOLUME, "migration_type": "migrate", "destination_node": "a@b#d"}
DISABLE = {"resource_name": "compute2.example.org", "state": "disabled"}
# action -> how it is made, on a cloud that shows all
ACTIONS = {
    "plan_host_recovery": lambda nova: hosts.PlanHostRecovery(
        AWAY, options={"reserved_hosts": "compute3"}, records=None
    ),
    "check_host_failed": lambda nova: hosts.CheckHostFailed({**plan_of(nova), "host": HERE}),
    "isolate_host": lambda nova: hosts.IsolateHost(plan_of(nova)),
    "disable_host": lambda nova: hosts.DisableHost(plan_of(nova)),
    "prepare_reserved_host": lambda nova: hosts.PrepareReservedHost(
        plan_of(nova, add_reserved_host_to_aggregates=True), ["compute3"]
    ),
    "evacuate_servers": lambda nova: evacuation.EvacuateServers(plan_of(nova)),
    "plan_instance_recovery": lambda nova: instances.PlanInstanceRecovery("web"),
    "stop_server": lambda nova: instance_steps.StopServer(instance_plan(nova)),
    "start_server": lambda nova: instance_steps.StartServer(instance_plan(nova)),
    "check_server_active": lambda nova: instance_steps.CheckServerActive(instance_plan(nova)),
    "plan_process_recovery": lambda nova: processes.PlanProcessRecovery(HERE),
    "check_host_disabled": lambda nova: processes.CheckHostDisabled(process_plan(nova)),
    "plan_node_preparation": lambda nova: preparation.PlanNodePreparation(nova.web["id"]),
    "record_recovery": lambda nova: preparation.RecordRecovery(
        preparation.PlanNodePreparation(nova.web["id"]).act(nova), "e1"
    ),
    "plan_node_migration": lambda nova: migration.PlanNodeMigration(nova.lost[0]["id"], "compute3"),
    "check_node_moved": lambda nova: migration.CheckNodeMoved(arrived(nova)),
    "plan_node_rebuild": lambda nova: rebuild.PlanNodeRebuild(nova.web["id"], "http://n.example"),
    "rebuild_server": lambda nova: rebuild.RebuildServer(
        rebuild.PlanNodeRebuild(nova.web["id"], "http://n.example").act(nova)
    ),
    "check_migrate": check(server_checks.CheckMigrate, "web", **LIVE),
    "check_resize": check(server_checks.CheckResize, "web", flavor="m1.small"),
    "check_evacuate": check(server_checks.CheckEvacuate, "fallen"),
    "check_stop": check(server_checks.CheckStop, "web"),
    "check_start": check(server_checks.CheckStart, "off"),
    "move_server": lambda nova: moves.MoveServer(moving(nova)),
    "abort_migration": lambda nova: moves.AbortMigration(moving(nova), len(nova.records)),
    "switch_server": lambda nova: steps.SwitchServer(
        check(server_checks.CheckStop, "web")(nova).act(nova)
    ),
    "check_service_state": lambda nova: compute_services.CheckServiceState("a1", DISABLE),
    "set_service_state": lambda nova: compute_services.SetServiceState(
        compute_services.CheckServiceState("a1", DISABLE).act(nova)
    ),
    "check_node_power": lambda nova: bare_metal.CheckNodePower("a1", POWER),
    "set_node_power": lambda nova: bare_metal.SetNodePower(run(bare_metal_check(), nova)),
    "check_volume_migrate": lambda nova: volumes.CheckVolumeMigrate("a1", VOLUMES),
    "move_volume": lambda nova: volumes.MoveVolume(
        {**run(volumes.CheckVolumeMigrate("a1", VOLUMES), nova), "to": {"pool": "a@b#c"}}
    ),
}
FIELDS = sorted(
    {key for one in Cloud().all.values() for key in one}
    | {key for one in Cloud().services.values() for key in one}
    | {key for one in Cloud().records for key in one}
    | {"request_id", "start_time", "action", "hypervisor_hostname", "service", "status"}
    | {"power_state", "volume_type", "hosts", "original_name", "os-vol-host-attr:host"}
)
fields = st.sets(st.sampled_from(FIELDS), max_size=4)
takings = st.dictionaries(
    st.integers(1, 8), st.tuples(fields, fields, st.booleans()), min_size=1, max_size=4
)


def bare_metal_check():
    return bare_metal.CheckNodePower("a1", POWER)


def run(action, nova):
    """Run an action as Mistral does, with this cloud; return what it leaves, as JSON brings it."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            ("base", "nova_of"),
            ("action_plan.bare_metal", "bare_metal_of"),
            ("action_plan.volumes", "block_storage_of"),
        ):
            patch.setattr(f"mistral_actions.{module}.{name}", lambda context: nova)
        found = action.run(None)
    left = found.error if hasattr(found, "error") else found
    return json.loads(json.dumps(left))


def test_every_action_that_looks_at_a_service_is_among_these():
    setup = configparser.ConfigParser()
    setup.read(SETUP)
    lines = setup["options.entry_points"]["mistral_recovery.actions"].split("\n")
    names = {line.partition(" = ")[0].removeprefix("recovery.") for line in lines if line}
    assert names - LOOK_AT_NOTHING == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_that_is_shown_all_knows_what_to_do(name):
    cloud = Cloud()
    left = run(ACTIONS[name](cloud), cloud)
    assert "code" not in left, left


@pytest.mark.parametrize("name", ACTIONS)
@settings(max_examples=60)
@given(taken=takings)
def test_what_is_not_shown_is_asked_for_again(name, taken):
    cloud = Cloud()
    action = ACTIONS[name](cloud)
    cloud.taken, cloud.answers = taken, 0
    left = run(action, cloud)
    # hidden by a policy, as the host of a server is from its owner, is another thing
    assert left.get("retriable") or left.get("code") in (None, "FORBIDDEN"), left


def test_the_heartbeat_of_a_service_that_has_sent_none_is_waited_for():
    cloud = Cloud()
    action = hosts.CheckHostFailed({**plan_of(cloud), "host": HERE, "heartbeat": None})
    cloud.services[HERE]["updated_at"] = None
    assert "updated_at is not shown" in run(action, cloud)["message"]
    cloud.services[HERE]["updated_at"] = stamp(cloud.now)
    assert run(action, cloud)["code"] == "HOST_UP"


def test_the_fake_services_show_records_as_the_real_ones_do():
    assert isinstance(Cloud().server(Cloud().web["id"]), Record)
