"""Mistral's engine says for whom an action is done, whatever workflows and callers say."""

import datetime
import pathlib
import uuid

import pytest
import sqlalchemy

from mistral_actions.engine.callers import UnknownCaller
from mistral_actions.errors import Unauthorized
from mistral_actions.services import credentials, tickets

KEY = "0123456789abcdef" * 4
WORKBOOK = """
version: '2.0'
name: tickets
workflows:
  whole:
    tasks:
      inner:
        workflow: part
  part:
    task-defaults:
      retry:
        count: 1
        delay: 1
        continue-on: <% try_again() %>
      fail-on: <% try_again() or run_state() = ENDED %>
    tasks:
      step:
        action: recovery.prepare_servers
        input: {plan: {servers: []}}
  by_ad_hoc_action:
    tasks:
      step:
        action: tickets.mine
  liar:
    input: [execution]
    tasks:
      lie:
        action: std.noop
        on-success:
          publish:
            branch:
              __execution: <% dict(id => $.execution) %>
              openstack: {roles: [admin], user_id: root, is_admin: true}
            global:
              changed: true  # else Mistral does not notice, and keeps what the two were
              __execution: <% dict(id => $.execution) %>
              openstack: {roles: [admin], user_id: root, is_admin: true}
          next: [step]
      step:
        action: recovery.prepare_servers
        input: {plan: {servers: []}}
actions:
  mine:
    base: recovery.prepare_servers
    base-input: {plan: {servers: []}}
"""
ADMIN, MEMBER, READER = ("admin", "member", "reader"), ("member", "reader"), ("reader",)


def db():
    from mistral.db.v2 import api  # Mistral must have been loaded

    return api


def expires(hours):
    now = datetime.datetime.now(datetime.UTC)
    return (now + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def said_of(user, project, roles):
    """What Keystone says of a token, as Mistral's API passes it on."""
    return {
        "user": {"id": user, "name": user},
        "project": {"id": project, "name": project},
        "roles": [{"name": one} for one in roles],
        "expires_at": expires(hours=-23),
        "catalog": [{"type": "compute"}],
    }


@pytest.fixture
def processes(mistral):
    from mistral.services import workbooks
    from oslo_config import cfg

    from tests.workbooks import lost_callers

    with lost_callers.at_work(mistral, "default") as found:
        credentials.authentication()  # registers the options
        cfg.CONF.set_override("ticket_key", KEY, "recovery")
        found.as_("root", "blue")
        if not db().load_workbook("tickets", ""):
            workbooks.create_workbook_v2(WORKBOOK, scope="public")
        yield found
        cfg.CONF.clear_override("ticket_key", "recovery")


def as_(processes, user, project="blue", roles=MEMBER, **more):
    catalog = {**said_of(user, project, roles), **more.pop("said", {})}
    context = {"roles": list(roles), "user_name": user, "service_catalog": catalog}
    processes.as_(user, project, **{**context, **more})


def start(processes, workflow="tickets.whole", given=None, **params):
    return processes.engine.start_workflow(workflow, wf_input=given, **params).id


def steps(processes):
    """Let all go on; return what executors got of the pack's actions."""
    before = len(processes.handed)
    processes.begun()
    handed = processes.handed[before:]
    found = [(getattr(action, "base_action", action), within) for action, within in handed]
    return [one for one in found if type(one[0]).__name__ == "PrepareServers"]


def read(action, within):
    """Return what an executor learns."""
    key, execution = KEY.encode(), within.get("workflow_execution_id")
    return tickets.read(key, action._ticket, type(action).__name__, execution)


def test_an_action_in_a_part_comes_with_a_ticket_for_whoever_started_the_whole(processes):
    as_(processes, "ann", roles=ADMIN)
    start(processes)
    ((action, within),) = steps(processes)
    assert read(action, within) == tickets.Caller("ann", "ann", "blue", "blue", ADMIN)


def test_an_ad_hoc_action_hands_the_ticket_on(processes):
    as_(processes, "ann")
    start(processes, "tickets.by_ad_hoc_action")
    ((action, within),) = steps(processes)
    assert read(action, within).user == "ann"


def test_a_ticket_reaches_an_executor_over_the_broker(processes):
    from mistral_lib import serialization

    as_(processes, "ann")
    start(processes)
    ((action, within),) = steps(processes)
    serializer = serialization.get_polymorphic_serializer()
    arrived = serializer.deserialize(serializer.serialize(action))
    assert read(arrived, within).user == "ann"
    assert action._ticket not in repr(action) + str(vars(type(arrived)))


def test_a_ticket_is_in_no_table_and_no_log(processes, caplog):
    from mistral.db.sqlalchemy import base

    caplog.set_level("DEBUG")
    as_(processes, "ann")
    start(processes)
    ((action, _),) = steps(processes)
    with base._get_facade().get_engine().connect() as database:
        tables = sqlalchemy.inspect(database).get_table_names()
        rows = [database.execute(sqlalchemy.text(f"SELECT * FROM {one}")).all() for one in tables]
    assert "recovery.prepare_servers" in str(rows)
    for secret in (action._ticket, action._ticket[:60], action._ticket[-40:], KEY):
        assert secret not in str(rows)
        assert secret not in caplog.text


def test_a_workflow_that_publishes_the_id_of_another_execution_gets_no_ticket_for_itself(processes):
    as_(processes, "root", roles=ADMIN)
    of_root = start(processes)
    assert len(steps(processes)) == 1
    as_(processes, "eve")
    start(processes, "tickets.liar", {"execution": of_root})
    processes.begun()
    processes.answer(processes.ran[-1:], _done())
    action, within = processes.handed[-1]
    assert type(action).__name__ == "PrepareServers"
    with pytest.raises(Unauthorized, match="for another execution"):
        read(action, within)


def test_a_workflow_that_publishes_other_roles_gets_those_of_its_caller(processes):
    as_(processes, "eve")
    own = str(uuid.uuid4())
    start(processes, "tickets.liar", {"execution": own}, wf_ex_id=own)
    processes.begun()
    processes.answer(processes.ran[-1:], _done())
    with db().transaction():
        assert db().get_workflow_execution(own).context["openstack"]["roles"] == ["admin"]
    assert read(*processes.handed[-1]) == tickets.Caller("eve", "eve", "blue", "blue", MEMBER)


def _done():
    from mistral_lib import actions

    return actions.Result(data=None)


def test_an_execution_is_no_part_of_another_ones_because_its_caller_says_so(processes):
    """Mistral takes `root_execution_id` and `task_execution_id` from whoever starts something."""
    as_(processes, "root", roles=ADMIN)
    of_root = start(processes)
    steps(processes)
    with db().transaction():
        (task,) = db().get_task_executions(workflow_execution_id=of_root)
        task_id = task.id
    for claim in (
        {"root_execution_id": of_root},
        {"root_execution_id": of_root, "task_execution_id": task_id},
        {"task_execution_id": task_id},
    ):
        as_(processes, "eve")
        start(processes, "tickets.part", **claim)
        ((action, within),) = steps(processes)
        assert read(action, within).roles == MEMBER
        # nor when Mistral has lost who it is
        assert processes.lose(processes.ran) == []
        tried = processes.next_tries()
        assert [(user, token) for _, user, token, _ in tried] == [(None, None)]
        action, within = processes.handed[-1]
        assert read(action, within).roles == MEMBER


def test_the_next_try_of_a_lost_action_has_a_ticket_for_the_same_caller(processes):
    as_(processes, "ann", roles=("recovery",))
    start(processes)
    steps(processes)
    processes.lose(processes.ran)
    processes.next_tries()
    assert read(*processes.handed[-1]) == tickets.Caller(
        "ann", "ann", "blue", "blue", ("recovery",)
    )


def test_who_resumes_an_execution_gets_no_right_of_who_started_it(processes):
    as_(processes, "root", roles=ADMIN)
    execution = start(processes, "tickets.liar", {"execution": None})
    processes.begun()
    processes.engine.pause_workflow(execution)
    processes.answer(processes.ran[-1:], _done())
    with db().transaction():  # as if it had published nothing
        paused = db().get_workflow_execution(execution)
        (lie,) = paused.task_executions
        lie.published = {}
        paused.context = {**paused.context, "__execution": {"id": execution}}
    as_(processes, "eve", roles=MEMBER)
    processes.engine.resume_workflow(execution)
    processes.begun()
    caller = read(*processes.handed[-1])
    assert (caller.user, caller.roles) == ("eve,root", MEMBER)


def whose(mistral_execution):
    from mistral_actions.engine import callers

    with db().transaction():
        return callers.whose(mistral_execution)[1]


@pytest.mark.parametrize(
    ("who", "left"),
    [
        ({"roles": MEMBER}, MEMBER),
        ({"roles": ADMIN}, ADMIN),
        ({"roles": ("recovery",)}, None),
        ({"roles": ADMIN, "project": "red"}, None),
        ({"roles": ADMIN, "service_catalog": None}, None),
        ({"roles": ADMIN, "is_target": True}, None),
    ],
)
def test_who_goes_on_with_an_execution_shares_only_the_rights_that_both_have(processes, who, left):
    as_(processes, "root", roles=ADMIN)
    execution = start(processes)
    as_(processes, "bob", **who)
    if left is None:
        with pytest.raises(UnknownCaller):
            whose(execution)
    else:
        caller = whose(execution)
        assert (caller.user, caller.roles) == ("bob,root", left)


@pytest.mark.parametrize(
    "who",
    [
        {"service_catalog": None},
        {"service_catalog": {}},
        {"is_target": True},
        {"said": {"project": {"id": "red"}}},
        {"said": {"user": {"id": "root"}}},
        {"said": {"OS-OAUTH1": {}}},
        {"said": {"expires_at": expires(hours=-25)}},
        {"said": {"expires_at": None}},
        {"said": {"application_credential": {"access_rules": [{"path": "/v2/workflows"}]}}},
        {"said": {"roles": []}},
    ],
)
def test_a_caller_whose_rights_keystone_did_not_tell_has_none_but_those_of_the_token(
    processes, who
):
    as_(processes, "ann", roles=ADMIN, **who)
    assert whose(start(processes)).roles == ()


def test_a_token_that_expired_a_day_ago_counts_no_more_and_a_new_one_of_the_same_user_does(
    processes
):
    as_(processes, "ann", roles=ADMIN, said={"expires_at": expires(hours=-25)})
    execution = start(processes)
    assert whose(execution).roles == ()
    as_(processes, "ann", roles=MEMBER)  # who has other roles now
    assert whose(execution).roles == MEMBER
    as_(processes, "bob", roles=ADMIN)
    with pytest.raises(UnknownCaller):
        whose(execution)


def test_a_trust_passes_on_the_roles_that_it_names(processes):
    as_(processes, "ann", roles=MEMBER, said={"OS-TRUST:trust": {"id": "t"}})
    assert whose(start(processes)).roles == MEMBER


def test_an_action_that_somebody_starts_by_hand_has_no_ticket(processes):
    as_(processes, "root", roles=ADMIN)
    given = {"plan": {"servers": []}}
    processes.engine.start_action("recovery.prepare_servers", given, save_result=True)
    processes.settle()
    processes.engine.start_action("recovery.prepare_servers", given, run_sync=True)
    assert [action._ticket for action, _ in processes.handed] == [None, None]
    assert [within.get("workflow_execution_id") for _, within in processes.handed] == [None, None]


def test_a_ticket_is_no_input(processes):
    from mistral_lib import exceptions

    as_(processes, "root", roles=ADMIN)
    for name in ("_ticket", "ticket", "_no_ticket", "_for_members"):
        given = {"plan": {"servers": []}, name: "mine"}
        with pytest.raises(exceptions.ActionException, match="unexpected"):
            processes.engine.start_action("recovery.prepare_servers", given, save_result=True)


@pytest.mark.parametrize(
    ("key", "told"), [(None, ""), ("short", "has 5 characters, and needs 32")]
)
def test_an_engine_without_a_good_key_signs_nothing_and_says_why(processes, key, told):
    from oslo_config import cfg

    cfg.CONF.set_override("ticket_key", key, "recovery")
    as_(processes, "root", roles=ADMIN)
    start(processes)
    ((action, _),) = steps(processes)
    assert action._ticket is None
    assert told in action._no_ticket
    assert key is None or key not in action._no_ticket


def test_no_workbook_of_the_pack_speaks_of_tickets():
    folder = pathlib.Path(__file__).parents[2] / "workbooks"
    assert [path for path in folder.glob("*.yaml") if "ticket" in path.read_text()] == []
