"""What a node's status says about its recovery: for a person, at night."""

from collections.abc import Sequence
from datetime import UTC, datetime

from driver.senlin.model import ChainStep, ExecutionSeen, RecoveryChain
from driver.senlin.state import State

# Senlin keeps it in a TEXT column: 65,535 bytes, three for a character at most.
LONGEST = 21_000


def place(steps: Sequence[ChainStep], number: int) -> str:
    """Return which step this is; ``number`` counts from 0, past the last one is the last look."""
    if number >= len(steps):
        return "the check after the last step"
    return f"step {number + 1} of {len(steps)}, {steps[number].title}"


def progress(where: str, doing: str, attempt: int) -> str:
    """Return the status of a node while its chain runs."""
    return _fitting(f"Recovery in progress, attempt {attempt}: {where}: {doing}")


def following(execution: str, seen: ExecutionSeen | None) -> str:
    """Return what is waited for."""
    if seen is None:
        return f"execution {execution}"
    hint = ", waiting for someone to resume or cancel it" if seen.state == "PAUSED" else ""
    note = f"; {seen.note}" if seen.note else ""
    return f"execution {execution} is {seen.state}{hint}{note}"


def succeeded(state: State, warning: str = "") -> str:
    """Return the status of a node that its chain recovered."""
    return _fitting(f"Recovery succeeded: {', '.join(state.notes)}.{warning}")


def failed(
    failure: str, state: State, recovery: RecoveryChain, node: str, active: bool, warning: str = ""
) -> str:
    """Return the status of a node whose chain failed.

    :param failure: a clause that says at which step, and why.
    :param state: the state when it failed, with the time.
    :param node: the node's name.
    :param active: whether its server is ACTIVE nevertheless.
    """
    before = f" Done before: {', '.join(state.notes)}." if state.notes else ""
    again = f"run `openstack cluster node recover {node}`"
    count = f" Attempt {state.attempt} of {recovery.attempts}"
    if not recovery.asks_again(active):
        why = "its server is ACTIVE" if active else "its detection looks only at ACTIVE nodes"
        then = (
            f"; the health manager will not ask again, for {why}: remove the cause, then {again}."
        )
    elif state.attempt >= recovery.attempts:
        then = f", the last one: remove the cause, then {again}."
    else:
        then = f"; the next one not before {moment(state.failed + recovery.pause(state.attempt))}."
    return _fitting(f"Recovery failed: {failure.rstrip('.')}.{before}{count}{then}{warning}", then)


def held(state: State, recovery: RecoveryChain, node: str) -> str:
    """Return why an action of the health manager left a node alone."""
    if state.attempt >= recovery.attempts:
        return (
            f"all {recovery.attempts} attempts to recover the node failed: remove the cause, then "
            f"run `openstack cluster node recover {node}`"
        )
    until = moment(state.failed + recovery.pause(state.attempt))
    return f"attempt {state.attempt} of {recovery.attempts} failed; the next one not before {until}"


def moment(seconds: float) -> str:
    """Return a time as people write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _fitting(text: str, end: str = "") -> str:
    """Return a text as Senlin's database takes it: three bytes for a character, and not too long.

    :param end: what must be left when it is cut.
    """
    text = "".join(letter if letter <= "\uffff" else "?" for letter in text)
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - len(end) - 5]} ...{end}"
