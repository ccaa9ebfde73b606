"""What a workflow of a chain is given.

Besides the ``inputs`` of the policy, a workflow gets those of the following that it declares and
that the policy does not give it (Mistral refuses an input that is not declared):

==================  ===========================================================================
``node_id``         the server in Nova; null if the node has none
``node_name``       the node's name in Senlin
``senlin_node_id``  the node's id in Senlin
``cluster_id``      the cluster of the node
``cluster_name``    its name
``profile_id``      the profile of the node
``policy_id``       the policy that this recovery belongs to
``action_id``       the Senlin action that began it
``detail``          what the node's status said before
==================  ===========================================================================
"""

from collections.abc import Iterator, Mapping
from typing import Any

from driver.mistral.records import decoded
from driver.senlin.model import ChainStep
from driver.text.messages import listed, nearest

IMPLICIT = (
    "node_id",
    "node_name",
    "senlin_node_id",
    "cluster_id",
    "cluster_name",
    "profile_id",
    "policy_id",
    "action_id",
    "detail",
)

Declared = Mapping[str, bool]


def declared(workflow: Mapping[str, Any]) -> Declared:
    """Return the inputs that a workflow declares, and whether it can do without each.

    :param workflow: a workflow as Mistral's API gives it.
    """
    inputs: dict[str, bool] = {}
    # Its "input" is a text in which a default with a comma cannot be told from two inputs.
    for item in decoded(workflow.get("interface")).get("input") or []:
        if isinstance(item, Mapping):
            inputs.update(dict.fromkeys(map(str, item), True))
        else:
            inputs[str(item)] = False
    return inputs


def given(step: ChainStep, wanted: Declared, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of an execution.

    :param wanted: what the workflow declares.
    :param facts: values for :data:`IMPLICIT`.
    """
    return {**{name: facts[name] for name in IMPLICIT if name in wanted}, **step.inputs}


def misfits(place: str, step: ChainStep, wanted: Declared) -> Iterator[str]:
    """Return why Mistral would not start the workflow of a step.

    :param place: of the step in the policy.
    :param wanted: what the workflow declares.
    """
    for name in step.inputs:
        if name not in wanted:
            known = f"its inputs are {listed(sorted(wanted))}" if wanted else "it takes none"
            yield (
                f"{place}.params.inputs.{name} is not an input of workflow {step.workflow} "
                f"({known}){nearest(name, wanted)}"
            )
    for name, optional in wanted.items():
        if not optional and name not in step.inputs and name not in IMPLICIT:
            yield f"{place}.params.inputs.{name} is missing, but workflow {step.workflow} needs it"
