"""Other recoveries, as `older_recoveries` tells of them: exactly one goes on."""

from collections.abc import Iterable
from typing import TypedDict

from mistral_actions import inputs
from mistral_actions.errors import Refused


class OtherRecovery(TypedDict):
    """Another execution that may go before this one.

    `of` is what it recovers, the `shortest` name that was given; `decided` says whether it goes
    before. If not, it is younger and has yet to look: wait for it.
    """

    id: str
    of: str | None
    decided: bool


def refuse_a_second(what: str, others: Iterable[OtherRecovery], *names: str) -> None:
    """Refuse a recovery that another one goes before.

    :param what: what is recovered, as a person calls it. :param names: all that it is called.
    :raises Refused: RECOVERY_RUNNING.
    """
    for other in others:
        # what is given may be null; and only an id is the same in other letters, never a name
        of = str(other["of"])
        of = of.lower() if inputs.UUID.fullmatch(of) else of
        if other["decided"] and of in names:
            raise recovered_already(what, other["id"])


def recovered_already(what: str, execution: str) -> Refused:
    """Return the refusal of a second recovery.

    :param execution: id of the one that goes before.
    """
    return Refused(
        f"{what} is being recovered already, by execution {execution}. Watch that one, or cancel"
        " it first. Nothing was changed.",
        "RECOVERY_RUNNING",
    )
