"""Find out what each name in the chains stands for, in one particular Mistral."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from driver.methods.blocks import BLOCKS, OFFERED, Block
from driver.methods.model import ChainEntry, Methods, MethodsError, Retry, TaskSettings
from driver.text.messages import listed, nearest, shown
from driver.text.problems import Place, Problem
from driver.workbooks.lint import Catalogue, Signature
from driver.workbooks.literals import MARKS

# Actions of the pack: idempotent, and they say themselves when they must be run again
OWN = "recovery."


@dataclasses.dataclass(frozen=True)
class Resolved:
    """An entry of a chain with all that there is to know about it.

    :param entry: the name in the chain.
    :param failure: the failure of the chain.
    :param phase: the phase that it belongs to.
    :param calls: name of the action or workflow.
    :param kind: which of the two it is.
    :param block: the building block, if it is one.
    :param settings: what the file says about the name.
    :param handed: what it gets for inputs that it requires and the file does not give.
    """

    entry: ChainEntry
    failure: str
    phase: str
    calls: str
    kind: Literal["action", "workflow"]
    block: Block | None = None
    settings: TaskSettings | None = None
    handed: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether it is of this pack, so that any process may run it again."""
        return self.block is not None or (self.kind == "action" and self.calls.startswith(OWN))

    @property
    def goes_on(self) -> bool:
        """Whether the chain goes on when it failed."""
        return self.settings is not None and self.settings.on_error == "continue"

    @property
    def timeout(self) -> int | None:
        """Seconds after which it has failed; None: it may take as long as it does."""
        return self.settings.timeout if self.settings else None

    @property
    def retry(self) -> Retry | None:
        """How often the file says that it is tried again."""
        return self.settings.retry if self.settings else None

    def place_of(self, key: str) -> Place:
        """Return where the file says something about it.

        :param key: as in :attr:`driver.methods.model.TaskSettings.places`.
        """
        settings = self.settings
        return settings.places.get(key, settings.place) if settings else self.entry.place


def resolve(methods: Methods, known: Catalogue | None) -> dict[str, list[Resolved]]:
    """Return the entries of each failure's chain, in the order in which they are run.

    :param known: what this Mistral has; None: any Mistral that has this pack, so that only
        building blocks can be found.
    :raises MethodsError: a name stands for nothing, or what it stands for cannot be run with
        what the file and the recovery give it.
    """
    problems: list[Problem] = []
    found: dict[str, list[Resolved]] = {}
    for failure, chain in methods.chains.items():
        entries = [(phase, one) for phase, entries in chain.phases.items() for one in entries]
        found[failure] = [
            resolved
            for phase, entry in entries
            if (resolved := _resolve(entry, phase, failure, methods, known, problems))
        ]
    if problems:
        raise MethodsError(problems)
    return found


def _resolve(
    entry: ChainEntry,
    phase: str,
    failure: str,
    methods: Methods,
    known: Catalogue | None,
    problems: list[Problem],
) -> Resolved | None:
    settings = methods.tasks.get(entry.name)
    one: Resolved | str
    if settings and settings.calls:
        one = _as_told(entry, phase, failure, settings, known or Catalogue({}))
    elif entry.name in BLOCKS:
        one = _as_block(entry, phase, failure, settings, known)
    else:
        one = _by_name(entry, phase, failure, settings, known or Catalogue({}))
    if isinstance(one, str):
        told = settings.kind if settings and settings.calls else None
        place = settings.places.get(told, settings.place) if settings and told else entry.place
        problems.append(Problem(place, one))
        return None
    problems += [Problem(one.place_of(key), text) for key, text in _wrong_settings(one)]
    if known:
        signatures = known.actions if one.kind == "action" else known.workflows
        one, wrong = _with_inputs(one, signatures[one.calls])
        problems += wrong
    return one


def _as_told(
    entry: ChainEntry, phase: str, failure: str, settings: TaskSettings, known: Catalogue
) -> Resolved | str:
    name, kind = str(settings.calls), settings.kind or "action"
    names = known.actions if kind == "action" else known.workflows
    if name not in names:
        other = known.workflows if kind == "action" else known.actions
        if name in other:
            right = "workflow" if kind == "action" else "action"
            return f"in this Mistral {name!r} is no {kind}: write {right}: {name}"
        return f"this Mistral has no {kind} {name!r}{nearest(name, names)}"
    return Resolved(entry, failure, phase, name, kind, settings=settings)


def _as_block(
    entry: ChainEntry,
    phase: str,
    failure: str,
    settings: TaskSettings | None,
    known: Catalogue | None,
) -> Resolved | str:
    per_failure = BLOCKS[entry.name]
    block = per_failure.get(failure)
    if block is None:
        belongs = " and ".join(per_failure)
        return f"{entry.name} is a task of {belongs}: in {failure} it has nothing to work on"
    names = None if known is None else getattr(known, f"{block.kind}s")
    if names is not None and block.calls not in names:
        remedy = "the actions of this pack must be installed beside its executors"
        if block.kind == "workflow":
            remedy = "run `openstack recovery sync` first"
        return f"this Mistral has no {block.kind} {block.calls!r}: {remedy}"
    return Resolved(entry, failure, phase, block.calls, block.kind, block, settings)


def _by_name(
    entry: ChainEntry, phase: str, failure: str, settings: TaskSettings | None, known: Catalogue
) -> Resolved | str:
    if entry.name in known.actions:
        return Resolved(entry, failure, phase, entry.name, "action", settings=settings)
    if entry.name in known.workflows:
        return Resolved(entry, failure, phase, entry.name, "workflow", settings=settings)
    everything = {*BLOCKS, *known.actions, *known.workflows}
    hint = nearest(entry.name, everything)
    return f"this Mistral has no task, action or workflow {entry.name!r}{hint}"


def _wrong_settings(one: Resolved) -> Iterator[tuple[str, str]]:
    """Yield key and sentence of what the file says and nobody can do."""
    block, name = one.block, one.entry.name
    if one.timeout and one.retry and one.retry.delay >= one.timeout:
        text = f"the timeout of {one.timeout} s is over before a second try could begin, which is"
        remedy = "give a longer timeout or a shorter delay"
        yield "timeout", f"{text} {one.retry.delay} s after the first: {remedy}"
    if block and block.reports and one.goes_on:
        yield "on_error", f"a recovery whose {name} has failed has failed: leave on_error out"
    if block and block.tries is not None and one.retry:
        yield "retry", f"{name} is looked at until it has finished or is late: leave retry out"
    if block and block.kind == "workflow" and one.timeout:
        text = f"Mistral would end {name} and let go on what it has begun: leave timeout out"
        yield "timeout", f"{text} (evacuation_timeout is that of each server)"


def _with_inputs(one: Resolved, signature: Signature) -> tuple[Resolved, list[Problem]]:
    """Hand over what the recovery offers, and see whether the rest is right."""
    given = one.settings.input if one.settings else {}
    fixed = one.block.input if one.block else {}
    offered = OFFERED[one.failure]
    missing = signature.required - given.keys() - fixed.keys()
    handed = {name: offered[name] for name in sorted(missing & offered.keys())}
    problems = [
        Problem(one.place_of(f"input.{name}"), message)
        for name in given
        for message in _wrong_input(name, given[name], one, signature)
    ]
    for name in sorted(missing - offered.keys()):
        message = (
            f"{one.kind} {one.calls} needs the input {name!r}, which nobody provides: give it in"
            f" tasks.{one.entry.name}. What a recovery hands over by itself: {listed(offered)}"
        )
        problems.append(Problem(one.place_of("input"), message))
    return dataclasses.replace(one, handed=handed), problems


def _wrong_input(name: str, value: Any, one: Resolved, signature: Signature) -> Iterator[str]:
    accepted = signature.required | signature.optional
    if one.block and name in one.block.input:
        task = one.entry.name
        yield f"the input {name!r} of {task} is given by the recovery itself: leave it out"
    elif name not in accepted and not signature.takes_any:
        hint = nearest(name, accepted)
        yield f"{one.kind} {one.calls} has no input {shown(name)}{hint or _has(accepted)}"
    for key in _keys({name: value}):
        if MARKS.search(key):
            # Mistral would leave it as it is, but whoever reads it would not expect that
            yield f"the key {shown(key)} looks like an expression, and a key cannot be one"


def _has(accepted: Iterable[str]) -> str:
    return f"; it has {listed(sorted(accepted)) or 'none'}"


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _keys(item)
