"""Find in workbooks what Mistral's own validation accepts and then fails on, or ignores.

Mistral accepts unknown keys, actions that do not exist, wrong inputs and variables that nobody
provides: all of that would be noticed only when a host has already died. The rules of the pack
(descriptions, one error path, the same keys in each output, YAQL only) are checked here too.

:func:`lint` is a pure function: it reads the workbooks' text and a :class:`Catalogue` of what a
Mistral has, and calls nobody.
"""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

import yaml
from yaql.language import expressions as ast
from yaql.language.exceptions import YaqlException

from driver.text.messages import nearest
from driver.text.problems import Place, Problem, by_line
from driver.workbooks import yaql_grammar
from driver.workbooks.files import (
    Signature,
    Workbook,
    anchors,
    child,
    compose,
    entries,
    line_of,
    parse_signature,
    signature_of,
    text_of,
    walk,
)

__all__ = ["Catalogue", "Signature", "lint", "parse_signature"]

_REPORT = "<% ending() %>"  # what each workflow puts out, as `report`

_BOOK_KEYS = frozenset({"version", "name", "description", "tags", "actions", "workflows"})
_WORKFLOW_KEYS = frozenset(
    {"type", "description", "tags", "input", "output", "output-on-error", "vars", "task-defaults"}
) | {"tasks"}
_ON_KEYS = ("on-success", "on-error", "on-complete")
_DEFAULTS_KEYS = frozenset(
    {"retry", "wait-before", "wait-after", "timeout", "pause-before", "concurrency", "fail-on"}
) | {"safe-rerun", "requires", *_ON_KEYS}
_PUBLISH_KEYS = ("publish", "publish-on-error")
# Known to Mistral 16 and later only: without them one pack serves older releases too
_TOO_NEW_KEYS = ("on-skip", "publish-on-skip")
_HARMLESS_ACTIONS = frozenset({"std.noop", "std.echo", "std.fail"})
# What Mistral itself puts into the data context
_SYSTEM_VARIABLES = frozenset({"openstack", "__env", "__execution", "__task_execution"})
# In the arguments of these YAQL functions "$" is an element of the list, not the data context
_LAMBDA_FUNCTIONS = re.compile(
    "accumulate|aggregate|all|any|assert|def|distinct|filter|generate(Many)?|groupBy|join|map"
    "|(index|lastIndex|slice|split)Where|mergeWith|(order|then)By(Descending)?|reduce"
    "|replaceBy|search(All)?|select(Many)?|(skip|take)While|toDict|where"
)
# As in Mistral, without DOTALL: an expression that is broken over lines is not evaluated
_YAQL = re.compile(r"<%(.*?)%>")
_JINJA = re.compile(r"{{.*?}}|{%.*?%}", re.DOTALL)
_PARAMETER = re.compile(
    r"""([-\w]+)=("[^"]*"|'[^']*'|<%.*?%>|\[.*?\]|true\b|false\b|null\b|\d+\b)"""
)


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """What a Mistral has.

    :param actions: its actions by name.
    :param workflows: its workflows by full name; those of the linted workbooks need not be in it.
    :param functions: names of the YAQL functions beyond YAQL's own (Mistral's and the packs');
        None leaves functions unchecked.
    """

    actions: Mapping[str, Signature]
    workflows: Mapping[str, Signature] = dataclasses.field(default_factory=dict)
    functions: frozenset[str] | None = None


@dataclasses.dataclass(frozen=True)
class _Scope:
    """What is looked at: a workbook, or a workflow or task in it."""

    file: str
    book: str
    name: str

    def problem(self, node: yaml.Node, message: str) -> Problem:
        return Problem(Place(self.file, line_of(node), self.name), message)

    def inside(self, name: str) -> "_Scope":
        return dataclasses.replace(self, name=f"{self.name}, {name}")


def lint(workbooks: Iterable[Workbook], catalogue: Catalogue) -> list[Problem]:
    """Return all problems of the workbooks, by file and line.

    :param workbooks: they may call each other's workflows.
    :param catalogue: what the Mistral that they are meant for has.
    """
    books = [(book, compose(book)) for book in workbooks]
    actions, workflows = dict(catalogue.actions), dict(catalogue.workflows)
    for book, root in books:
        for kind, known in (("actions", actions), ("workflows", workflows)):
            for name, node in entries(child(root, kind)):
                known[f"{book.name}.{name.value}"] = signature_of(node)
    catalogue = Catalogue(actions, workflows, catalogue.functions)
    return by_line(problem for book, root in books for problem in _book(book, root, catalogue))


def _book(book: Workbook, root: yaml.Node, catalogue: Catalogue) -> Iterator[Problem]:
    scope = _Scope(str(book.path), book.name, f"workbook {book.name}")
    shared = anchors(book)
    for line, anchor in shared:
        place = Place(scope.file, line, scope.name)
        yield Problem(place, f"anchor or alias {anchor!r}: write it out")
    if shared:
        return  # an alias may contain itself: nothing else can be said safely
    if book.path.name != f"{book.name}.yaml":
        yield scope.problem(root, f"the file must be called {book.name}.yaml")
    yield from _style(scope, root)
    yield from _unknown_keys(scope, root, _BOOK_KEYS)
    yield from _missing(scope, root, "description")
    for name, workflow in entries(child(root, "workflows")):
        if name.value != "version":
            yield from _workflow(
                dataclasses.replace(scope, name=f"workflow {name.value}"), name, workflow, catalogue
            )


def _leads_on(task: yaml.Node) -> bool:
    return bool(child(task, "on-error") or child(task, "on-complete"))


def _workflow(
    scope: _Scope, name: yaml.Node, node: yaml.Node, catalogue: Catalogue
) -> Iterator[Problem]:
    defaults, tasks = child(node, "task-defaults"), child(node, "tasks")
    yield from _unknown_keys(scope, node, _WORKFLOW_KEYS)
    yield from _missing(scope, node, "description", "tags", at=name)
    yield from _outputs(scope, name, node)
    if not child(defaults, "on-error"):
        silent = [task.value for task, body in entries(tasks) if not _leads_on(body)]
        if silent:
            text = f"no on-error in task-defaults or in {', '.join(silent)}: no report of an error"
            yield scope.problem(name, text)
    yield from _unknown_keys(scope.inside("task-defaults"), defaults, _DEFAULTS_KEYS)
    for key in _ON_KEYS:
        publish = child(child(defaults, key), "publish")
        if publish:
            yield scope.problem(publish, f"Mistral ignores publish in task-defaults {key}")
    for task, body in entries(tasks):
        inside = scope.inside(f"task {task.value}")
        yield from _task(inside, task, body, defaults, catalogue)
    if text_of(child(node, "type")) != "reverse":
        yield from _flow(scope, tasks, defaults)
    yield from _expressions(scope, node, catalogue)


def _task(
    scope: _Scope, name: yaml.Node, node: yaml.Node, defaults: yaml.Node | None, known: Catalogue
) -> Iterator[Problem]:
    yield from _missing(scope, node, "description", at=name)
    for key, _ in entries(node):
        if key.value in _TOO_NEW_KEYS:
            yield scope.problem(key, f"{key.value}: unknown to Mistral before release 16")
    for kind, signatures in (("action", known.actions), ("workflow", known.workflows)):
        call = child(node, kind)
        if call is not None:
            yield from _call(scope, kind, call, child(node, "input"), signatures)
    action = child(node, "action")
    if action is None or text_of(action).partition(" ")[0] in _HARMLESS_ACTIONS:
        return
    for policy in ("retry", "safe-rerun"):
        if not child(node, policy) and not child(defaults, policy):
            yield scope.problem(
                name, f"no {policy}, here or in task-defaults: a killed process ends the workflow"
            )


def _call(
    scope: _Scope,
    kind: str,
    call: yaml.Node,
    more: yaml.Node | None,
    signatures: Mapping[str, Signature],
) -> Iterator[Problem]:
    name, _, inline = text_of(call).partition(" ")
    if name.startswith("<%"):
        return  # chosen while it runs
    signature = signatures.get(f"{scope.book}.{name}") or signatures.get(name)
    if signature is None:
        yield scope.problem(call, f"unknown {kind} {name!r}" + nearest(name, signatures))
        return
    given = {match[1]: call for match in _PARAMETER.finditer(inline)}
    rest = _PARAMETER.sub("", inline).strip()
    if rest:
        yield scope.problem(call, f"Mistral ignores {rest!r}: quote the value or use input:")
    given |= {key.value: key for key, _ in entries(more)}
    accepted = signature.required | signature.optional
    for key, node in given.items():
        if key not in accepted and not signature.takes_any:
            hint = nearest(key, accepted)
            yield scope.problem(node, f"{kind} {name} has no input {key!r}{hint}")
    if more is None or isinstance(more, yaml.MappingNode):
        for key in sorted(signature.required - set(given)):
            yield scope.problem(call, f"{kind} {name} needs the input {key!r}")


def _outputs(scope: _Scope, name: yaml.Node, node: yaml.Node) -> Iterator[Problem]:
    for key in ("output", "output-on-error"):
        output = child(node, key)
        if {entry.value: text_of(value) for entry, value in entries(output)} != {"report": _REPORT}:
            yield scope.problem(output or name, f"{key} must be `report: {_REPORT}`, and only that")


def _flow(scope: _Scope, tasks: yaml.Node | None, defaults: yaml.Node | None) -> Iterator[Problem]:
    names = {name.value: name for name, _ in entries(tasks)}
    leads_to: dict[str, set[str]] = {name: set() for name in names}
    for task, body in entries(tasks):
        for key in _ON_KEYS:
            # Mistral takes a task out of its own default clause
            leads_to[task.value] |= set(_targets(child(body, key))) or (
                set(_targets(child(defaults, key))) - {task.value}
            )
    inbound = set().union(*leads_to.values())
    starts = [name for name in names if name not in inbound]
    for name in starts[1:]:
        yield scope.inside(f"task {name}").problem(
            names[name], f"no task leads here: Mistral starts it at once, beside {starts[0]}"
        )
    reached, ahead = set(starts), list(starts)
    while ahead:
        new = leads_to.get(ahead.pop(), set()) - reached
        reached |= new
        ahead += new
    for name in names:
        if name not in reached:
            yield scope.inside(f"task {name}").problem(names[name], "can never be reached")


def _style(scope: _Scope, root: yaml.Node) -> Iterator[Problem]:
    for node in walk(root):
        seen: set[str] = set()
        for key, _ in entries(node):
            if key.value in seen:
                yield scope.problem(key, f"the key {key.value!r} is given again")
            seen.add(key.value)
        is_flow = isinstance(node, yaml.CollectionNode) and node.flow_style
        if is_flow and any(re.search(r"<%|fail\(", text_of(inner)) for inner in walk(node)):
            yield scope.problem(node, "flow style breaks at commas in expressions: use blocks")
    for node in walk(root, but="description"):
        text = text_of(node)
        if _JINJA.search(_YAQL.sub("", text)):
            yield scope.problem(node, "a Jinja expression: the pack is YAQL only")
        if "<%" in _YAQL.sub("", text):
            yield scope.problem(node, "an expression without end on its line stays plain text")


def _expressions(scope: _Scope, node: yaml.Node, catalogue: Catalogue) -> Iterator[Problem]:
    tasks = child(node, "tasks")
    task_names = {name.value for name, _ in entries(tasks)}
    variables = _SYSTEM_VARIABLES | _provided(node)
    for key, value in entries(node):
        if key.value != "tasks":
            yield from _scalars(scope, value, variables, task_names, catalogue)
    for name, body in entries(tasks):
        inside = scope.inside(f"task {name.value}")
        items = walk(child(body, "with-items"))
        local = {text_of(item).partition(" in ")[0].strip() for item in items}
        yield from _scalars(inside, body, variables | local, task_names, catalogue)


def _scalars(
    scope: _Scope, node: yaml.Node, variables: Set[str], tasks: Set[str], known: Catalogue
) -> Iterator[Problem]:
    for scalar in walk(node, but="description"):
        for expression in _YAQL.findall(text_of(scalar)):
            try:
                used = set(_uses(yaql_grammar.parse(expression)))
            except YaqlException as error:
                yield scope.problem(scalar, f"not YAQL: {expression.strip()} ({error})")
                continue
            for kind, name in sorted(used):
                names = {"variable": variables, "task": tasks, "function": known.functions}[kind]
                standard = kind == "function" and yaql_grammar.is_standard(name)
                if names is not None and name not in names and not standard:
                    yield scope.problem(scalar, f"unknown {kind} {name!r}" + nearest(name, names))


def _uses(node: Any, in_context: bool = True) -> Iterator[tuple[str, str]]:
    """Kind and name of each variable, task and function that a YAQL expression mentions.

    :param in_context: whether ``$`` is the data context here, and not an element of a list.
    """
    if isinstance(node, ast.Wrap):
        yield from _uses(node.expr, in_context)
    elif isinstance(node, ast.MappingRuleExpression):
        yield from _uses(node.source, in_context)
        yield from _uses(node.destination, in_context)
    elif isinstance(node, ast.Function):
        operator, args = getattr(node, "operator", None), list(node.args)
        is_member = operator in (".", "?.")
        is_look_up = is_member or isinstance(node, ast.IndexExpression)
        if in_context and is_look_up and _is_context(args[0]):
            key = args[1].args[0] if _is_call(args[1], "get") else args[1]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield "variable", key.value
        if _is_call(node, "task") and args and isinstance(args[0], ast.Constant):
            yield "task", str(args[0].value)
        if node.name[0] not in "#*":
            yield "function", node.name
            in_context = in_context and not _LAMBDA_FUNCTIONS.fullmatch(node.name)
        for arg in args:
            # with(...) -> ... has a "$" of its own on the right
            own = operator == "->" and arg is args[1] and not _is_call(args[0], "let")
            yield from _uses(arg, in_context and not own)


def _is_context(node: Any) -> bool:
    return isinstance(node, ast.GetContextValue) and node.path.value == "$"


def _is_call(node: Any, name: str) -> bool:
    return isinstance(node, ast.Function) and node.name == name and bool(node.args)


def _targets(clause: yaml.Node | None) -> Iterator[str]:
    """Names of the tasks and engine commands in an on-... clause, in any of its notations."""
    if isinstance(clause, yaml.ScalarNode):
        yield from re.findall(r"^\w+", clause.value)
    elif isinstance(clause, yaml.SequenceNode):
        for item in clause.value:
            yield from _targets(item)
    elif clause is not None and (child(clause, "next") or child(clause, "publish")):
        yield from _targets(child(clause, "next"))
    else:
        for name, _ in entries(clause):
            yield from _targets(name)


def _provided(workflow: yaml.Node) -> set[str]:
    """Names of all variables that something in the workflow provides."""
    inputs = signature_of(workflow)
    provided = set(inputs.required | inputs.optional)
    provided |= {key.value for key, _ in entries(child(workflow, "vars"))}
    for _, task in entries(child(workflow, "tasks")):
        scopes = [child(task, key) for key in _PUBLISH_KEYS]
        for key in _ON_KEYS:
            scopes += [scope for _, scope in entries(child(child(task, key), "publish"))]
        provided |= {key.value for scope in scopes for key, _ in entries(scope)}
    return provided


def _unknown_keys(scope: _Scope, node: yaml.Node | None, known: Set[str]) -> Iterator[Problem]:
    for key, _ in entries(node):
        if key.value not in known:
            yield scope.problem(key, f"unknown key {key.value!r}" + nearest(key.value, known))


def _missing(
    scope: _Scope, node: yaml.Node, *keys: str, at: yaml.Node | None = None
) -> Iterator[Problem]:
    for key in keys:
        value = child(node, key)
        if value is None or not value.value:
            yield scope.problem(at or node, f"no {key}")
