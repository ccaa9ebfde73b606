"""What is wrong with a policy: by itself, and with the workflows that Mistral has."""

from collections.abc import Callable, Iterator
from typing import Protocol

from driver.senlin import inputs
from driver.senlin.chain import Passing, StepFailed
from driver.senlin.model import WORKFLOW, Recovery, Step


class Catalogue(Protocol):
    """Where workflows are looked up."""

    def declared(self, step: Step) -> inputs.Declared:
        """Return what the workflow of a step takes.

        :raises Passing: no usable answer.
        :raises StepFailed: there is none.
        """


def workflows(recovery: Recovery, connect: Callable[[], Catalogue]) -> list[str]:
    """Return why Mistral would not start the workflows of a policy, one clause each.

    :param connect: called only if there is a workflow; what it raises is such a clause.
    """
    steps = [
        (f"recovery.actions[{number}]", step)
        for number, step in enumerate(recovery.steps)
        if step.name == WORKFLOW
    ]
    if not steps:
        return []
    try:
        catalogue = connect()
        return [text for place, step in steps for text in _problems(catalogue, place, step)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the workflows are not known
        return [f"Mistral cannot be asked whether it has the workflows: {error}"]


def _problems(catalogue: Catalogue, place: str, step: Step) -> Iterator[str]:
    try:
        wanted = catalogue.declared(step)
    except StepFailed as error:
        yield f"{place}.params.workflow_name: {error}"
    except Passing as error:
        raise RuntimeError(str(error)) from None
    else:
        yield from inputs.misfits(place, step, wanted)
