"""The Mistral API, as far as the drivers need it.

Requests are tried again while there is no usable answer, never after a 4xx. Errors are those of
:mod:`driver.errors`; no text holds a token.
"""

import uuid
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import quote

from driver.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    WorkflowMissingError,
    mask_secrets,
)
from driver.mistral.records import Execution, Record, decoded
from driver.mistral.transport import Transport

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
# Mistral checks a definition before it answers: about 0.2 s per task.
_DEFINITION_TIMEOUT = 180.0
_EXECUTION_FIELDS = (
    "id,workflow_name,description,state,state_info,input,output,created_at,updated_at,"
    "task_execution_id,root_execution_id"
)
_TASK_FIELDS = "id,name,type,state,created_at,started_at,finished_at,runtime_context"
# Executions come with their output: not too many at once.
_PAGE = "50"
_TASK_ACTIVE = frozenset({"IDLE", "RUNNING", "DELAYED", "PAUSED"})


class MistralClient:
    """The Mistral of one cloud.

    :param transport: how it is reached.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def from_connection(cls, connection: Any, patience: float = 15.0) -> "MistralClient":
        """Use the cloud of an openstacksdk connection.

        :param patience: seconds for which a call without a usable answer is tried again.
        """
        return cls(Transport.from_connection(connection, patience))

    def with_patience(self, seconds: float) -> "MistralClient":
        """Return the same Mistral, asked again for so long when there is no usable answer."""
        return MistralClient(self._transport.with_patience(seconds))

    @property
    def project_id(self) -> str | None:
        """The project that the caller acts for, None without authentication."""
        return self._transport.project_id

    # Definitions

    def workbooks(self) -> list[Record]:
        """Return the workbooks of the default namespace that the caller may see."""
        fields = "name,definition,scope,project_id"
        return list(self._transport.pages("workbooks", fields=fields, namespace=""))

    def validate_workbook(self, definition: str) -> str | None:
        """Return what Mistral finds wrong with a workbook's text, None if nothing."""
        answer = self._write("POST", "/workbooks/validate", definition)
        if answer.get("valid"):
            return None
        return mask_secrets(str(answer.get("error") or "Mistral gives no reason"))

    def create_workbook(self, definition: str, public: bool = False) -> None:
        """Install a workbook with its workflows.

        :raises RefusedError: not valid, or a right is missing (public is for admins).
        """
        try:
            self._write("POST", "/workbooks", definition, _scope(public))
        except ConflictError:
            # An earlier try of this very call may have arrived although its answer did not.
            self.update_workbook(definition, public)

    def update_workbook(self, definition: str, public: bool = False) -> None:
        """Replace a workbook and its workflows.

        :raises RefusedError: not valid, not there, or a right is missing.
        """
        self._write("PUT", "/workbooks", definition, _scope(public))

    def workbook(self, name: str) -> str | None:
        """Return the text of a workbook, None if there is none of this name."""
        found = self._transport.pages("workbooks", fields="name,definition", name=name)
        return next((str(record["definition"]) for record in found), None)

    def add_workbook(self, definition: str) -> None:
        """Install a new workbook whose text was made by a program.

        Mistral checks it only if its operator insists: that takes 0.2 s per task.

        :raises ConflictError: there is one of this name; it stays as it is. It may be this very
            one: an earlier try of this call may have arrived although its answer did not.
        """
        params = {**_scope(public=False), "skip_validation": "true"}
        self._write("POST", "/workbooks", definition, params)

    def workflow_names(self, part: str) -> set[str]:
        """Return the names of the workflows whose name has a part."""
        return {
            record["name"]
            for record in self._transport.pages("workflows", fields="name", name=f"has:{part}")
        }

    def environment(self, name: str) -> Record:
        """Return the variables of an environment; none if it does not exist."""
        path = f"/environments/{_part(name)}"
        try:
            return decoded(self._transport.call("GET", path).get("variables"))
        except NotFoundError:
            return {}

    def workflows(self) -> list[Record]:
        """Return name, input (text) and interface (JSON text) of every workflow."""
        return list(self._transport.pages("workflows", fields="name,input,namespace"))

    def actions(self) -> list[Record]:
        """Return name and input (text) of every action."""
        return list(self._transport.pages("actions", fields="name,input"))

    # Executions

    def start(
        self,
        workflow: str,
        inputs: Record,
        execution_id: str | None = None,
        description: str = "",
    ) -> Execution:
        """Start a workflow, once: with the id of an execution that is there, return that one.

        :param inputs: only these are sent, so that the workflow's own defaults stay in force.
        :param execution_id: chosen by the caller, or a new one.
        :raises WorkflowMissingError: no workflow of this name.
        :raises RefusedError: the inputs do not fit, or a right is missing.
        """
        # The id is chosen here in any case: a repeated request must not start a second one.
        body = {
            "id": execution_id or str(uuid.uuid4()),
            "workflow_name": workflow,
            "input": inputs,
            "description": description,
        }
        try:
            return Execution.from_record(self._transport.call("POST", "/executions", json=body))
        except RefusedError as error:
            # Mistral's engine says so over RPC, which its API passes on as a 500.
            if error.status != 404 and "Workflow not found" not in str(error):
                raise
            raise WorkflowMissingError(
                f"workflow {workflow} is not installed in this Mistral: "
                "run `openstack recovery sync`",
                error.status,
            ) from None

    def execution(self, execution_id: str) -> Execution:
        """Return an execution with input and output.

        :raises NotFoundError: no execution with this id.
        """
        return Execution.from_record(self._execution(execution_id, _EXECUTION_FIELDS))

    def execution_state(self, execution_id: str) -> str:
        """Return only the state of an execution: the cheapest question there is.

        :raises NotFoundError: no execution with this id.
        """
        return str(self._execution(execution_id, "id,state")["state"])

    def _execution(self, execution_id: str, fields: str) -> Record:
        path = f"/executions/{_part(execution_id)}"
        try:
            return self._transport.call("GET", path, params={"fields": fields})
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no execution {execution_id} in this Mistral, or not for this project: "
                "`openstack recovery list` shows those that are",
                error.status,
            ) from error

    def executions(self, page: str = _PAGE, **filters: str) -> Iterator[Execution]:
        """Yield executions with input and output, newest first, as they are asked for.

        :param page: how many are asked for at once.
        :param filters: as in Mistral's API, for example ``workflow_name="has:recovery."``.
        """
        records = self._transport.pages(
            "executions", fields=_EXECUTION_FIELDS, sort_dirs="desc", limit=page, **filters
        )
        return map(Execution.from_record, records)

    def running_sub_execution(self, root_id: str) -> str | None:
        """Return the id of the newest running execution below a root, at any depth."""
        newest = self._newest("executions", root_execution_id=root_id, state="RUNNING", fields="id")
        return newest["id"] if newest else None

    def sub_executions(self, task_id: str) -> list[str]:
        """Return the ids of the executions that a task of type WORKFLOW started."""
        query = {"task_execution_id": task_id, "fields": "id"}
        return [record["id"] for record in self._transport.pages("executions", **query)]

    def cancel(self, execution_id: str) -> None:
        """Stop an execution: nothing new starts.

        :raises NotFoundError: no execution with this id.
        """
        body = {"state": "CANCELLED"}
        self._transport.call("PUT", f"/executions/{_part(execution_id)}", json=body)

    def tasks(self, execution_id: str, fields: str = _TASK_FIELDS) -> list[Record]:
        """Return an execution's tasks, by the second in which they were created.

        :param fields: what is asked for of each, with commas; the fewer, the cheaper.
        """
        query = {"workflow_execution_id": execution_id, "fields": fields}
        return list(self._transport.pages("tasks", **query))

    def active_task(self, execution_id: str) -> Record | None:
        """Return id, name and type of the newest task that is being worked on."""
        # Some, not one: the database's clock may have no fractions of a second, and tasks that
        # were created in the same second come in any order.
        query = {
            "workflow_execution_id": execution_id,
            "fields": "id,name,type,state",
            "sort_dirs": "desc",
            "limit": "5",
        }
        tasks = self._transport.call("GET", "/tasks", params=query).get("tasks") or []
        return next((task for task in tasks if task["state"] in _TASK_ACTIVE), None)

    def newest_result(self, task_id: str) -> tuple[str, Any] | None:
        """Return id and result of the last try of a task whose action gave a result."""
        record = self._newest(
            "action_executions", task_execution_id=task_id, state="SUCCESS", fields="id,output"
        )
        return (record["id"], decoded(record.get("output")).get("result")) if record else None

    def _newest(self, key: str, **params: str) -> Record | None:
        query = {**params, "sort_dirs": "desc", "limit": "1"}
        records = self._transport.call("GET", f"/{key}", params=query).get(key)
        return cast(Record, records[0]) if records else None

    def _write(
        self, method: str, path: str, definition: str, params: dict[str, str] | None = None
    ) -> Record:
        return self._transport.call(
            method,
            path,
            data=definition.encode(),
            headers=_TEXT,
            params=params or {},
            timeout=_DEFINITION_TIMEOUT,
        )


def _part(value: str) -> str:
    """Return an id made safe for a path: people type it."""
    return quote(value, safe="")


def _scope(public: bool) -> dict[str, str]:
    return {"scope": "public" if public else "private"}
