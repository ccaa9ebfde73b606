"""What was measured, for people."""

from bench.action_plan.measure import Row
from bench.host_recovery.report import markdown

COLUMNS = (
    ("shape", "{0.shape}"), ("actions", "{0.actions}"), ("rule", "{0.rule}"),
    ("form", "{0.form}"), ("compile", "{0.compiling:.2f}"), ("install", "{0.installing:.2f}"),
    ("start", "{0.starting:.2f}"), ("accept", "{0.accepting:.2f}"), ("first", "{0.first:.1f}"),
    ("all", "{0.wall:.1f}"), ("read", "{0.reading:.2f}"), ("CPU s", "{0.cpu:.1f}"),
    ("/action", "{0.each:.3f}"), ("tasks", "{0.tasks}"), ("executions", "{0.executions}"),
    ("runs", "{0.runs}"), ("idle MB", "{0.idle_memory}"), ("peak MB", "{0.memory}"),
    ("load", "{0.load:.1f}"), ("others", "{0.others:.2f}"), ("stolen", "{0.stolen:.2f}"),
)
LEGEND = """\
Seconds: compile: by itself. install, start: one request each. accept: all that the driver does
until it returns, these included. first: until the first action is with the executor; all: until
the execution has ended, both from the call of the driver. read: state of the plan and of all its
actions, afterwards. CPU s, /action, MB: of Mistral (engine, executor and API are one process).
tasks, executions, runs: what Mistral has records of; runs are those of actions. load: average of
the last minute before the row. others, stolen: CPUs busy with something else, and taken away from
this machine."""


def table(rows: list[Row]) -> str:
    """Return a Markdown table with a line per row."""
    names = [name for name, _ in COLUMNS]
    lines = [[text.format(row) for _, text in COLUMNS] for row in rows]
    return markdown([names, *lines], left=("shape", "rule", "form"))
