"""What is wrong with a policy: by itself, and with the workflows that Mistral has."""

from collections.abc import Callable, Iterator

from driver.senlin import inputs
from driver.senlin.model import WORKFLOW, ChainStep, RecoveryChain, StepFailed, Transient
from driver.senlin.workflows import ChainWorkflows


def workflows(recovery: RecoveryChain, connect: Callable[[], ChainWorkflows]) -> list[str]:
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
        mistral = connect()
        return [text for place, step in steps for text in _problems(mistral, place, step)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the workflows are not known
        return [f"Mistral cannot be asked whether it has the workflows: {error}"]


def _problems(mistral: ChainWorkflows, place: str, step: ChainStep) -> Iterator[str]:
    try:
        wanted = mistral.declared(step)
    except StepFailed as error:
        yield f"{place}.params.workflow_name: {error}"
    except Transient as error:
        raise RuntimeError(str(error)) from None
    else:
        yield from inputs.misfits(place, step, wanted)
