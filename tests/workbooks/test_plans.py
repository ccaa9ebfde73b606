"""Compiled action plans on Mistral's engine; their actions come to what the tests say.

The workflows of the actions are stand-ins with the contract of `recovery.action`: what an action
is given and how its end reaches the plan is what matters here.
"""

import itertools
import json
import uuid

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from driver.plans import lanes
from driver.plans.compile import compile_plan, task_names
from driver.plans.order import chains
from driver.plans.reader import read_plan
from driver.workbooks import lint
from mistral_actions.engine import action_plans
from tests.plan_types import ACTION_TYPES
from tests.workbooks import plan_rules

NAMESPACE = "plans"
STAND_IN = """
  {name}:
    input: [plan, action, parameters, satisfied: null]
    output:
      report: <% ending() %>
    output-on-error:
      report: <% ending() %>
    tasks:
      check:
        action: std.echo
        input:
          output:
            action: <% $.action %>
            parameters: <% $.parameters %>
            satisfied: <% $.satisfied %>
            cancelled: <% plan_cancelled($.plan) %>
        on-success:
          - fail(msg=<% ending().message %>): <% ending().state = FAILED %>
"""
ACTIONS = "version: '2.0'\nname: recovery.action\nworkflows:\n" + "".join(
    STAND_IN.format(name=name) for name in ACTION_TYPES
)
CANCEL = """
version: '2.0'
name: recovery.action_plan
workflows:
  cancel:
    input: [plan]
    tasks:
      wait:
        action: std.noop
"""


def number(n):
    return str(uuid.UUID(int=n))


def by_uuid(found):
    return {number(n): value for n, value in found.items()}


def report(done):
    """The report of a plan."""
    return done.output["report"]


def facts_now(plan):
    from mistral.db.v2 import api

    with api.transaction(read_only=True):
        return action_plans.plan_facts({"__execution": {"id": "somebody"}}, plan["uuid"])


def ended_in(execution):
    """Names of the tasks of an execution that have ended."""
    from mistral.db.v2 import api

    with api.transaction(read_only=True):
        tasks = api.get_task_executions(workflow_execution_id=execution)
        return {task.name for task in tasks if task.state in ("SUCCESS", "ERROR")}


def rerun(engine, plan, action):
    """Run the failed task of an action again; return the plan's execution."""
    from mistral.db.v2 import api

    with api.transaction(read_only=True):
        failed = api.get_task_executions(workflow_execution_id=plan["uuid"], state="ERROR")
        (task,) = (task.id for task in failed if task.spec["input"].get("action") == action)
    return engine.rerun_workflow(task)


class TakingTime:
    """Stands for the executor's way to the engine: results arrive after a time, not at once.

    :param takes: returns the seconds that the action takes which has just been run.
    """

    def __init__(self, mistral, takes):
        self._agenda, self._engine = mistral._agenda, mistral._executor._engine
        self._takes = takes

    def on_action_complete(self, action_ex_id, result):
        given = {"action_ex_id": action_ex_id, "result": result}
        self._agenda.later(self._takes(), None, self._engine.on_action_complete, given)


class Plans:
    """Runs plans, and remembers what their actions were given.

    All is in a namespace of its own: the pack has another `recovery.action`.
    """

    def __init__(self, mistral):
        self.mistral = mistral
        for text in (ACTIONS, CANCEL):
            self.create(text)
        self.given, self.would, self.events, self.ended_before = {}, {}, {}, {}

    def install(self, plan, rule="ALWAYS"):
        text = json.dumps(plan)
        compiled = compile_plan(read_plan(text, "plan.json"), rule)
        self.create(compiled.text)

    def create(self, text):
        from mistral.services import workbooks

        with self.mistral._at_work():
            workbooks.create_workbook_v2(text, namespace=NAMESPACE)

    def run(self, plan, would, rule="ALWAYS", events=None, workflow="run", takes=None):
        """Compile and run a plan.

        :param would: the end of each action if it runs, by uuid; SUCCEEDED if not said.
        :param events: by uuid of an action: what happens while its check runs.
        :param takes: by uuid of an action: the seconds that it takes; 1 if not said.
        """
        if workflow == "run":
            self.install(plan, rule)
        # the client says which id the execution shall have
        own_id = {"wf_ex_id": plan["uuid"]} if workflow == "run" else {}
        start = self.mistral._engine.start_workflow
        name = f"recovery.plan.{plan['uuid']}.{workflow}"
        self.given, self.would, self.events, self.ended_before = {}, would, events or {}, {}
        self.takes, self.most_at_work = takes or {}, 0
        return self._until_all_is_done(lambda: start(name, wf_namespace=NAMESPACE, **own_id))

    def rerun(self, plan, action, would):
        """Run a failed action of a plan again, as a person does with `task-rerun`."""
        self.given, self.would, self.events, self.ended_before = {}, would, {}, {}
        return self._until_all_is_done(lambda: rerun(self.mistral._engine, plan, action))

    def _until_all_is_done(self, start):
        """Start an execution in the way that is given, and do all that follows."""
        with pytest.MonkeyPatch.context() as patch, pytest.MonkeyPatch.context() as times:

            def start_here(*_, **__):
                patch.undo()
                begun = start()
                self.execution = begun.id
                return begun

            patch.setattr(self.mistral._engine, "start_workflow", start_here)
            late = TakingTime(self.mistral, lambda: self.took)
            times.setattr(self.mistral._executor, "_engine", late)
            done = self.mistral.run("", {}, self._result_of)
        assert done.stopped is None
        return done

    def _result_of(self, path, name, inputs):
        self.took = 0
        if not path.endswith("/check"):
            return None
        told = inputs["output"]
        self.took = self.takes.get(told["action"], 1)
        assert told["action"] not in self.given, "an action ran twice"
        self.given[told["action"]] = told
        self.ended_before[told["action"]] = ended = ended_in(self.execution)
        over = [name for name in ended if not name.startswith("layer_")]
        self.most_at_work = max(self.most_at_work, len(self.given) - len(over))
        event = self.events.pop(told["action"], None)
        if event:  # the engine's next step, before the result of the action reaches it
            self.mistral._agenda.soon(event)
        return {"data": self._report(told)}

    def _report(self, told):
        state, reason = self.would.get(told["action"], "SUCCEEDED"), "DONE"
        if told["satisfied"]:
            state, reason = "SKIPPED", "ALTERNATIVE_SUCCEEDED"
        elif told["parameters"] is None:
            state, reason = "SKIPPED", "NOTHING_TO_DO"
        elif told["cancelled"]:
            state, reason = "CANCELLED", "CANCELLED"
        undo = {"parameters": {"back": told["action"]}}
        about = {"action": told["action"], "undo": undo, "abort_error": None}
        told = {"state": state, "reason": reason, "message": "So it is.", "details": about}
        return {"report": told}

    def cancel(self, plan):
        """Cancel a plan: its workflow begins, and goes on when the plan does."""
        self.mistral._engine.start_workflow(
            "recovery.action_plan.cancel",
            wf_namespace=NAMESPACE,
            wf_input={"plan": plan["uuid"]},
        )

    def stop(self, plan):
        """Cancel a plan's execution as a plain Mistral client does."""
        self.mistral._engine.stop_workflow(plan["uuid"], "CANCELLED", "by hand")

    def facts(self, plan):
        """What is known of a plan that has ended."""
        with self.mistral._at_work():
            return facts_now(plan)

    def states(self, done):
        return {one["action"]: one["state"] for one in report(done)["details"]["actions"]}


@pytest.fixture(scope="module")
def plans(mistral):
    return Plans(mistral)


def a_plan(parents, types_=None):
    """Return a plan of stops with these parents, by numbers, and with an id of its own."""
    return {
        "uuid": str(uuid.uuid4()),
        "actions": [
            {
                "uuid": number(n),
                "type": (types_ or {}).get(n, "stop"),
                "parameters": {"message": "x"}
                if (types_ or {}).get(n) == "nop"
                else {"resource_id": number(n)},
                "parents": [number(parent) for parent in of],
            }
            for n, of in parents.items()
        ],
    }


OK, BAD, SKIP = "SUCCEEDED", "FAILED", "SKIPPED"
A, B, C = 1, 2, 3


@pytest.mark.parametrize(
    ("parents", "would", "ends", "state"),
    [
        ({A: [], B: [A]}, {A: OK}, {A: OK, B: SKIP}, OK),
        ({A: [], B: [A]}, {A: BAD}, {A: BAD, B: OK}, OK),
        ({A: [], B: [A]}, {A: BAD, B: BAD}, {A: BAD, B: BAD}, BAD),
        ({A: [], B: [A]}, {A: SKIP}, {A: SKIP, B: OK}, OK),
        ({A: [], B: [A]}, {A: SKIP, B: BAD}, {A: SKIP, B: BAD}, BAD),
        ({A: [], B: [A], C: [B]}, {}, {A: OK, B: SKIP, C: SKIP}, OK),
        ({A: [], B: [A], C: [B]}, {A: BAD}, {A: BAD, B: OK, C: SKIP}, OK),
        ({A: [], B: [A], C: [A, B]}, {A: BAD}, {A: BAD, B: OK, C: SKIP}, OK),
        ({A: [], B: [A], C: [B, A]}, {A: BAD}, {A: BAD, B: OK, C: SKIP}, OK),
    ],
)
def test_an_alternative_runs_only_if_every_parent_ended_without_success(
    plans, parents, would, ends, state
):
    """The graphs of which Watcher leaves some pending for ever, under ANY."""
    done = plans.run(a_plan(parents), by_uuid(would), "ANY")
    assert plans.states(done) == {number(n): end for n, end in ends.items()}
    assert (report(done)["state"], done.state) == (state, "ERROR" if state == BAD else "SUCCESS")


@pytest.mark.parametrize("order", [(A, B), (B, A)])
@pytest.mark.parametrize(
    ("would", "end", "state"),
    [
        ({A: BAD, B: BAD}, OK, OK),
        ({A: SKIP, B: BAD}, OK, OK),
        ({A: OK, B: BAD}, SKIP, BAD),
        ({A: BAD, B: OK}, SKIP, BAD),
        ({A: OK, B: OK}, SKIP, OK),
    ],
)
def test_an_alternative_to_two_comes_to_the_same_whichever_of_them_ends_last(
    plans, would, end, state, order
):
    takes = by_uuid(dict(zip(order, (1, 2), strict=True)))
    done = plans.run(a_plan({A: [], B: [], C: [A, B]}), by_uuid(would), "ANY", takes=takes)
    assert plans.states(done) == by_uuid({**would, C: end})
    assert report(done)["state"] == state


def test_what_has_several_alternatives_is_told_why_it_is_not_needed(plans):
    plan = a_plan({A: [], B: [A], C: [A], 4: [C]})
    done = plans.run(plan, {}, "ANY")
    lines = {line["action"]: line for line in report(done)["details"]["actions"]}
    first, third = lines[number(A)]["task"], lines[number(C)]["task"]
    said = {n: plans.given[number(n)]["satisfied"] for n in (A, B, C, 4)}
    assert said == {
        A: None,
        B: f"{first}, to which it is an alternative, has succeeded.",
        C: f"{first}, to which it is an alternative, has succeeded.",
        4: f"{third}, to which it is an alternative, was not needed.",
    }


def test_in_a_chain_what_is_not_needed_has_no_task_and_the_report_says_why(plans):
    plan = a_plan({A: [], B: [A], C: [B], 4: [C]})
    done = plans.run(plan, {number(A): BAD}, "ANY")
    lines = report(done)["details"]["actions"]
    _, second, third, _ = (line["task"] for line in lines)
    assert set(plans.given) == {number(A), number(B)}
    assert [task for task in done.tasks if "/" not in task][2:] == ["report_plan"]
    assert [(line["reason"], line["message"]) for line in lines[2:]] == [
        ("ALTERNATIVE_SUCCEEDED", f"{second}, to which it is an alternative, has succeeded."),
        ("ALTERNATIVE_SUCCEEDED", f"{third}, to which it is an alternative, was not needed."),
    ]


@st.composite
def graphs(draw):
    """Parents of up to six actions; the numbers say nothing of the order."""
    names = draw(st.permutations(range(1, draw(st.integers(1, 6)) + 1)))
    return {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else []
        for place, name in enumerate(names)
    }


@st.composite
def several_chains(draw):
    """Parents of the actions of two or three chains, of which the first has two or more."""
    lengths = [draw(st.integers(2, 3)), *draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))]
    names = iter(draw(st.permutations(range(1, sum(lengths) + 1))))
    found = [list(itertools.islice(names, length)) for length in lengths]
    return {one: [before] if before else [] for chain in found for before, one in pairs(chain)}


def pairs(chain):
    return zip([None, *chain], chain, strict=False)


@pytest.mark.parametrize(
    ("graph", "rule"), [(graphs(), "ALWAYS"), (graphs(), "ANY"), (several_chains(), "ANY")]
)
@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make it shorter takes many minutes
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_graph_comes_to_what_the_rules_say_whatever_the_order_of_ends(
    plans, graph, rule, data
):
    parents = data.draw(graph, "parents")
    would = data.draw(
        st.fixed_dictionaries(dict.fromkeys(parents, st.sampled_from([OK, BAD, SKIP])))
    )
    order = data.draw(st.permutations(list(parents)), "the order in which they would end")
    takes = {name: seconds for seconds, name in enumerate(order)}
    ends, state, needless = plan_rules.outcome(parents, rule, would)
    window = data.draw(st.sampled_from([1, 2, 25]), "how many may be at work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "WINDOW", window)
        done = plans.run(a_plan(parents), by_uuid(would), rule, takes=by_uuid(takes))
    assert plans.states(done) == by_uuid(ends)
    assert report(done)["state"] == state
    assert done.state == ("ERROR" if state == BAD else "SUCCESS")
    plan = read_plan(json.dumps(a_plan(parents)), "x")
    chained, tasks = {*itertools.chain(*chains(plan.actions))}, task_names(plan)
    have_tasks = {one for one in parents if one not in needless or number(one) not in chained}
    assert set(plans.given) == {number(one) for one in have_tasks}
    for one in have_tasks:
        before = {tasks[number(parent)] for parent in parents[one]}
        assert before <= plans.ended_before[number(one)], "an action ran before its parents ended"
    # under ANY the chains have lanes of their own
    assert plans.most_at_work <= window * (2 if rule == "ANY" else 1)


HOSTILE = [
    "<% $.plan %>",
    "{{ _.plan }}",
    "{% if x %}",
    "a <% b",
    "%> {{",
    "'\"\\'\\\\",
    "- a: [b, {c}]\n# no comment\n\ttab",
    "\x00\x1f\x7f\x85\u2028\ufeff",
    "yes",
    "null",
    "0x10",
    "\U0001f600 ü",
    "<% '<% 1 %>' %>",
    "&a *a !tag |",
]


def test_hostile_parameters_reach_the_action_literally(plans):
    actions = [
        {
            "uuid": number(n),
            "type": "migrate",
            "name": text,
            "parameters": {
                "resource_id": number(n),
                "migration_type": "live",
                "source_node": text,
                "destination_node": None,
                "resource_name": text,
            },
        }
        for n, text in enumerate(HOSTILE)
    ]
    plan = {"uuid": str(uuid.uuid4()), "strategy": HOSTILE[0], "actions": actions}
    done = plans.run(plan, {})
    assert report(done)["state"] == OK
    for action in actions:
        assert plans.given[action["uuid"]]["parameters"] == action["parameters"]


@settings(max_examples=15, deadline=None, print_blob=True)
@given(st.text(min_size=1), st.floats(0, 1e6), st.text(alphabet="<%>{} '\"\\$.a\n", min_size=1))
def test_any_text_and_number_reaches_the_action(plans, one, seconds, other):
    plan = a_plan({A: [], B: []})
    plan["actions"][0] |= {"type": "nop", "parameters": {"message": one}, "name": other}
    plan["actions"][1] |= {"type": "sleep", "parameters": {"duration": seconds}}
    plans.run(plan, {})
    assert plans.given[number(A)]["parameters"] == {"message": one}
    assert plans.given[number(B)]["parameters"] == {"duration": seconds}


def test_an_action_that_an_administrator_skipped_is_given_no_parameters(plans):
    plan = a_plan({A: [], B: [A]})
    plan["actions"][0]["state"] = "SKIPPED"
    done = plans.run(plan, {}, "ANY")
    assert plans.given[number(A)]["parameters"] is None
    assert plans.states(done) == {number(A): SKIP, number(B): OK}


@pytest.mark.parametrize(("rule", "reason"), [("ALWAYS", "ACTIONS_FAILED"), ("ANY", "CARRIED_OUT")])
def test_an_action_whose_workflow_cannot_start_has_failed(plans, rule, reason):
    """Nothing but Mistral's words is known of it; the rest of the plan goes on."""
    plan = a_plan({A: [], B: [A], C: []})
    text = json.dumps(plan)
    compiled = compile_plan(read_plan(text, "plan.json"), rule).text
    broken = compiled.replace("plan: " + plan["uuid"], "unknown_input: 1", 1)
    assert broken != compiled
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "install", lambda *_: plans.create(broken))
        done = plans.run(plan, {}, rule)
    assert plans.states(done) == {number(A): BAD, number(B): OK, number(C): OK}
    assert report(done)["reason"] == reason
    assert done.state_info == (report(done)["message"] if rule == "ALWAYS" else None)
    assert "plan" in report(done)["details"]["actions"][0]["message"]


def test_a_plan_without_actions_succeeds(plans):
    done = plans.run({"uuid": str(uuid.uuid4()), "actions": []}, {})
    assert (done.state, report(done)["state"]) == ("SUCCESS", OK)


@pytest.mark.parametrize("others", [{}, {C: []}, {C: [], 4: [C]}])
@pytest.mark.parametrize(("again", "ends"), [(A, {A: OK, B: SKIP}), (B, {A: BAD, B: OK})])
def test_a_chain_goes_on_from_the_action_that_a_person_runs_again(plans, others, again, ends):
    plan = a_plan({A: [], B: [A], **others})
    done = plans.run(plan, by_uuid({A: BAD, B: BAD, C: BAD}), "ANY")
    assert (done.state, report(done)["state"]) == ("ERROR", BAD)
    done = plans.rerun(plan, number(again), {})
    assert set(plans.given) == {number(again)}
    others = {C: BAD, 4: OK} if 4 in others else dict.fromkeys(others, BAD)
    assert plans.states(done) == by_uuid({**ends, **others})
    good = not others or 4 in others
    assert (done.state, report(done)["state"]) == (("SUCCESS", OK) if good else ("ERROR", BAD))
    assert plans.facts(plan)["state"] == report(done)["state"]


def test_what_was_made_good_is_not_done_once_more_when_a_person_runs_the_failure_again(plans):
    """The second finds itself done, which is no reason for the third."""
    plan = a_plan({A: [], B: [A], C: [B], 4: []})
    plans.run(plan, by_uuid({A: BAD, 4: BAD}), "ANY")
    done = plans.rerun(plan, number(A), by_uuid({A: SKIP, B: SKIP}))
    assert plans.given[number(C)]["satisfied"].endswith("has succeeded.")
    assert plans.states(done) == by_uuid({A: SKIP, B: OK, C: SKIP, 4: BAD})
    assert (done.state, report(done)["state"]) == ("ERROR", BAD)


# ---- what is known of a plan from outside


def test_a_plan_that_ended_is_known_with_its_state_and_end(plans):
    plan = a_plan({A: [], B: [A], C: []})
    plans.run(plan, {number(B): BAD})
    facts = plans.facts(plan)
    assert (facts["known"], facts["ended"], facts["state"]) == (True, True, BAD)
    assert len(facts["succeeded"]) == 2
    assert facts["busy"] == []
    assert facts["abort_errors"] == []
    assert facts["rolled_back"] is None
    assert facts["older_cancel"] is None
    assert facts["rollback"] == f"recovery.plan.{plan['uuid']}.rollback"


def test_a_plan_that_was_never_started_is_unknown(plans):
    plan = a_plan({A: []})
    plans.install(plan)
    assert plans.facts(plan) == {"plan": plan["uuid"], "known": False}


def test_after_a_cancel_nothing_more_is_done(plans):
    plan = a_plan({A: [], B: [A], C: [B]})
    done = plans.run(plan, {}, events={number(A): lambda: plans.cancel(plan)})
    assert plans.states(done) == {number(A): OK, number(B): "CANCELLED", number(C): "CANCELLED"}
    assert report(done)["state"] == "CANCELLED"
    assert plans.facts(plan)["state"] == "CANCELLED"


@pytest.mark.parametrize(
    ("would", "ends"),
    [(OK, {B: OK, C: SKIP}), (BAD, {B: BAD, C: "CANCELLED"}), (SKIP, {B: SKIP, C: "CANCELLED"})],
)
def test_after_a_cancel_during_an_alternative_no_other_is_tried(plans, would, ends):
    plan = a_plan({A: [], B: [A], C: [B], 4: []})
    events = {number(B): lambda: plans.cancel(plan)}
    done = plans.run(plan, by_uuid({A: BAD, B: would}), "ANY", events=events)
    assert plans.states(done) == by_uuid({A: BAD, **ends, 4: OK})
    assert (done.state, report(done)["state"]) == ("ERROR", "CANCELLED")
    assert done.state_info == report(done)["message"]


def test_a_cancel_during_the_last_action_cancels_the_plan(plans):
    plan = a_plan({A: []})
    done = plans.run(plan, {}, events={number(A): lambda: plans.cancel(plan)})
    assert plans.states(done) == {number(A): OK}
    assert report(done)["state"] == "CANCELLED"


def test_a_plan_stopped_by_hand_is_cancelled(plans):
    """Mistral stops the running action's workflow; what was not begun never is."""
    plan = a_plan({A: [], B: [A], C: [B]})
    seen = {}

    def stop():
        seen.update(facts_now(plan))
        plans.stop(plan)

    done = plans.run(plan, {}, events={number(B): stop})
    assert (seen["state"], len(seen["busy"]), len(seen["succeeded"])) == ("ONGOING", 1, 1)
    assert done.state == "CANCELLED"
    facts = plans.facts(plan)
    assert (facts["state"], len(facts["succeeded"])) == ("CANCELLED", 1)


# ---- rollback


def test_a_rollback_undoes_what_succeeded_the_last_first(plans):
    plan = a_plan({A: [], B: [A], C: [B], 4: [A]}, {B: "nop"})
    plans.run(plan, {number(4): BAD})
    done = plans.run(plan, {}, workflow="rollback")
    given = {uuid_: told["parameters"] for uuid_, told in plans.given.items()}
    assert given == {
        number(C): {"back": number(C)},
        number(A): {"back": number(A)},
        number(4): None,
    }
    assert list(given)[-1] == number(A)
    assert (report(done)["state"], report(done)["reason"]) == (OK, "ROLLED_BACK")
    assert plans.facts(plan)["rolled_back"] is not None


def test_a_rollback_of_nothing_is_skipped(plans):
    plan = a_plan({A: [], B: [A]})
    plans.run(plan, {number(A): BAD, number(B): SKIP})
    done = plans.run(plan, {}, workflow="rollback")
    assert (done.state, report(done)["state"]) == ("SUCCESS", SKIP)


def test_a_step_of_a_rollback_that_fails_fails_it_and_the_others_go_on(plans):
    plan = a_plan({A: [], B: [A]})
    plans.run(plan, {})
    done = plans.run(plan, {number(B): BAD}, workflow="rollback")
    assert (done.state, report(done)["state"]) == ("ERROR", BAD)
    assert plans.states(done) == {number(B): BAD, number(A): OK}


# ---- the text


def test_a_compiled_plan_keeps_the_rules_of_the_pack(plans, mistral):
    """Except that the actions are the stand-ins', whose inputs it must give."""
    plan = a_plan({A: [], B: [A], C: [A, B]}, {B: "nop"})
    known = {
        f"recovery.action.{name}": lint.Signature(
            frozenset({"plan", "action", "parameters"}), frozenset({"satisfied"})
        )
        for name in ACTION_TYPES
    }
    functions = frozenset(mistral.functions())
    echo = lint.Signature(frozenset({"output"}))
    catalogue = lint.Catalogue({"std.noop": lint.Signature(), "std.echo": echo}, known, functions)
    for rule in ("ANY", "ALWAYS"):
        compiled = compile_plan(read_plan(json.dumps(plan), "plan.json"), rule)
        problems = lint.lint([compiled], catalogue)
        assert not problems, "\n".join(map(str, problems))
