"""Actions about the recovery methods that operators compose."""

import uuid
from typing import Any

from mistral_actions.base import RecoveryAction
from mistral_actions.services import mistral


class StartFinally(RecoveryAction):
    """Start the `finally` of a recovery method, which waits for the method's end by itself.

    An execution of its own, because one that is cancelled runs nothing more. Its id is derived
    from the method's: however often this runs, there is one.

    :param workflow: full name of the workflow.
    :param execution_id: id of the method's execution.
    :returns: `execution_id` of the `finally`.
    Mistral: starts a workflow, by way of the engine, with the rights of the caller.
    """

    def __init__(self, workflow: str, execution_id: str) -> None:
        self.workflow = workflow
        self.execution_id = execution_id

    def act_for(self, context: Any) -> dict[str, Any]:
        """Start it; doing so twice is harmless."""
        own_id = str(uuid.uuid5(uuid.UUID(self.execution_id), "finally"))
        mistral.engine().start_workflow(
            self.workflow,
            wf_ex_id=own_id,
            wf_input={"execution_id": self.execution_id},
            description=f"finally of execution {self.execution_id}",
        )
        return {"execution_id": own_id}
