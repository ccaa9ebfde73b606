"""Random files of recovery methods, for hypothesis: valid ones, and damaged ones."""

import json

import yaml
from hypothesis import strategies as st

from driver.methods.blocks import BLOCKS

PHASES = ("pre", "main", "post", "finally")
# What may be a mark for YAML, YAQL or Jinja
MARKS = "<%>{}[]'\"\\ $\n:#-&*!|,=.%"

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.sampled_from([0.5, -1.25])
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.text("<%>{}'\"\\ $\n:#-&*!|"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab: #\n\"'\u2028"), inner, max_size=4)
    ),
    max_leaves=12,
)

names = st.sampled_from(
    [
        *("no_op", "std.noop", "std.echo", "alert", "recovery.disable_host"),
        "disable_compute_service_task",
        "prepare_HA_enabled_instances_task",
        "evacuate_instances_task",
    ]
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "timeout": st.integers(3601, 86400),
        "retry": st.integers(1, 1000)
        | st.fixed_dictionaries({"count": st.integers(1, 1000), "delay": st.integers(1, 3600)}),
        "on_error": st.sampled_from(["fail", "continue"]),
    },
)


@st.composite
def _files(draw):
    chain = {phase: draw(st.lists(names, max_size=4)) for phase in PHASES}
    chain["main"] = chain["main"] or ["no_op"]
    used = {name for steps in chain.values() for name in steps}
    tasks = {}
    for name in sorted(used):
        given = draw(policies)
        for key in _forbidden(name):
            given.pop(key, None)
        if name in ("std.echo", "alert"):
            given["input"] = {"output": draw(values)}
        if name == "alert":
            given["action"] = "std.echo"
        if given:
            tasks[name] = given
    failure = draw(st.sampled_from(["host_auto_failure", "host_rh_failure"]))
    return draw(st.sampled_from([flow, block]))({failure: chain, "tasks": tasks}) + "\n"


def _forbidden(name):
    """Name the settings that a building block may not have."""
    for block in BLOCKS.get(name, {}).values():
        yield from ["on_error"] * block.reports
        yield from ["retry"] * (block.tries is not None)
        yield from ["timeout"] * (block.kind == "workflow")


def flow(value):
    """Write a value in YAML's flow style on one line; all that JSON escapes is the same there."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items())
        return f"{{{pairs}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str):
        return yaml.safe_dump(value, default_style='"', width=10**9).strip()
    return json.dumps(value)


def block(value, margin=""):
    """Write a value in YAML's block style, with empty lists and mappings in flow style."""
    inside = f"{margin}  "
    if isinstance(value, dict) and value:
        items = [f"{margin}{flow(key)}:{_after(item, inside)}" for key, item in value.items()]
    elif isinstance(value, list) and value:
        items = [f"{margin}-{_after(item, inside)}" for item in value]
    else:
        return f"{margin}{flow(value)}"
    return "\n".join(items)


def _after(value, margin):
    """Write what stands behind a key or a dash."""
    is_block = isinstance(value, dict | list) and value
    return f"\n{block(value, margin)}" if is_block else f" {flow(value)}"


files = _files()
"""What they name is in every Mistral with the pack."""


@st.composite
def _damaged(draw):
    text = draw(files)
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(text)))
        end = draw(st.integers(begin, min(len(text), begin + 8)))
        new = draw(st.text(MARKS, max_size=3) | st.text(max_size=3) | st.sampled_from(_PARTS))
        text = text[:begin] + new + text[end:]
    return text


_PARTS = [
    *("!yaql '$.plan'", "!yaql '$.plann.x'", "!yaql 'task(x).result'", "!yaql '$.a <'"),
    *(
        "<% $.plan %>",
        "{{ 1 }}",
        "\n",
        "\n  ",
        "timeout",
        ", ",
        "on_error",
        "std.echo",
        "finally: ",
    ),
]
damaged = _damaged()
"""Whole files, most of them no longer valid."""
