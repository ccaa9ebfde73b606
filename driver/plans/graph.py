"""The graph of an action plan as text: Mermaid and Graphviz."""

from collections.abc import Mapping

from mistral_actions.action_plan.states import ActionState, Graph

# For both languages; a state that is not in it has no colour
_COLOURS = {
    "SUCCEEDED": "#c8e6c9",
    "FAILED": "#ffcdd2",
    "SKIPPED": "#eeeeee",
    "CANCELLED": "#ffe0b2",
    "CANCELLING": "#ffe0b2",
    "ONGOING": "#bbdefb",
}


def mermaid(graph: Graph, states: Mapping[str, ActionState] | None = None) -> str:
    """Return the graph as Mermaid text.

    :param states: by the names of the tasks; None: the plan as such.
    """
    ids = {task: f"a{number}" for number, task in enumerate(graph.nodes, start=1)}
    found = {task: states[task].state if states else "" for task in graph.nodes}
    lines = ["flowchart TD"]
    lines += [f'    {ids[task]}["{"<br/>".join(_label(task, found))}"]' for task in graph.nodes]
    lines += [f"    {ids[parent]} --> {ids[child]}" for parent, child in _edges(graph)]
    for state, colour in _COLOURS.items():
        having = [ids[task] for task in graph.nodes if found[task] == state]
        if having:
            lines.append(f"    classDef {state.lower()} fill:{colour}")
            lines.append(f"    class {','.join(having)} {state.lower()}")
    return "\n".join(lines) + "\n"


def graphviz(graph: Graph, states: Mapping[str, ActionState] | None = None) -> str:
    """Return the graph as Graphviz (DOT) text; parameters as of :func:`mermaid`."""
    found = {task: states[task].state if states else "" for task in graph.nodes}
    lines = ["digraph plan {", "    node [shape=box, style=filled, fillcolor=white]"]
    for task in graph.nodes:
        label = "\\n".join(_label(task, found))
        colour = _COLOURS.get(found[task])
        fill = f', fillcolor="{colour}"' if colour else ""
        lines.append(f'    "{task}" [label="{label}"{fill}]')
    lines += [f'    "{parent}" -> "{child}"' for parent, child in _edges(graph)]
    return "\n".join([*lines, "}"]) + "\n"


def _label(task: str, found: Mapping[str, str]) -> list[str]:
    # Nothing to be escaped: names of tasks are letters, digits and _
    return [task, found[task]] if found[task] else [task]


def _edges(graph: Graph) -> list[tuple[str, str]]:
    return [(parent, node.task) for node in graph.nodes.values() for parent in node.parents]
