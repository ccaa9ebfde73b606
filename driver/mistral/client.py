"""The Mistral API, as far as the drivers need it.

It rests on python-mistralclient. What that does not pass on goes through its HTTP client: which
fields are wanted, the next page of a list, the id of an execution, ``skip_validation``. Below it
is :class:`driver.mistral.transport.Transport`: requests are tried again while there is no usable
answer, never after a 4xx. Errors are those of :mod:`driver.errors`; no text holds a token.
"""

import functools
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from driver.errors import (
    ConflictError,
    NotFoundError,
    RefusedError,
    WorkflowMissingError,
    mask_secrets,
)
from driver.mistral.records import Execution, Record, decoded
from driver.mistral.transport import DEFINITION, PATIENCE, TIMEOUT, Transport

_EXECUTION_FIELDS = (
    "id,workflow_name,description,state,state_info,input,output,created_at,updated_at,"
    "task_execution_id,root_execution_id"
)
_TASK_FIELDS = "id,name,type,state,created_at,started_at,finished_at,runtime_context"
# Executions come with their output: not too many at once.
_PAGE = "50"
_TASK_ACTIVE = frozenset({"IDLE", "RUNNING", "DELAYED", "PAUSED"})


class _Api:
    """python-mistralclient over our transport.

    Its ``Client`` is not used: it wants the URL of the endpoint, and for one with https it brings
    its own settings of TLS, which replace those of the session.
    """

    def __init__(self, transport: Transport) -> None:
        # Here and not above: each `openstack` command imports this module.
        from mistralclient.api import httpclient
        from mistralclient.api.v2 import environments, executions, workbooks, workflows

        self.http = httpclient.HTTPClient("", session=transport)
        self.environments = environments.EnvironmentManager(self.http)
        self.executions = executions.ExecutionManager(self.http)
        self.workflows = workflows.WorkflowManager(self.http)
        # Raw: else it looks whether a definition is the name of a file or a URL.
        self.workbooks = workbooks.WorkbookManager(self.http, enforce_raw_definitions=True)


class MistralClient:
    """The Mistral of one cloud.

    :param transport: how it is reached.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def from_connection(
        cls, connection: Any, patience: float = PATIENCE, timeout: float = TIMEOUT
    ) -> "MistralClient":
        """Use the cloud of an openstacksdk connection.

        Its own ``workflow`` proxy is not used: it asks for version documents first, and what it
        does when there is no answer differs between SDK versions.

        :param patience: seconds for which a call without a usable answer is tried again.
        :param timeout: seconds for one try.
        """
        config = connection.config
        transport = Transport.from_session(
            connection.session,
            endpoint=config.get_endpoint("workflow"),
            region=config.get_region_name("workflow"),
            interface=config.get_interface("workflow"),
            patience=patience,
            timeout=timeout,
        )
        return cls(transport)

    def with_patience(self, seconds: float) -> "MistralClient":
        """Return the same Mistral, asked again for so long when there is no usable answer."""
        return MistralClient(self._transport.with_patience(seconds))

    @property
    def project_id(self) -> str | None:
        """The project that the caller acts for, None without authentication."""
        return self._transport.project_id

    @functools.cached_property
    def _api(self) -> _Api:
        return _Api(self._transport)

    # Definitions

    def workbooks(self) -> list[Record]:
        """Return the workbooks of the default namespace that the caller may see."""
        fields = "name,definition,scope,project_id"
        return list(self._pages("workbooks", fields=fields, namespace=""))

    def validate_workbook(self, definition: str) -> str | None:
        """Return what Mistral finds wrong with a workbook's text, None if nothing."""
        answer = self._api.workbooks.validate(definition.encode())
        if answer.get("valid"):
            return None
        return mask_secrets(str(answer.get("error") or "Mistral gives no reason"))

    def create_workbook(self, definition: str, public: bool = False) -> None:
        """Install a workbook that has been validated, with its workflows.

        :raises RefusedError: a right is missing (public is for admins).
        """
        try:
            self.add_workbook(definition, public)
        except ConflictError:
            # An earlier try of this very call may have arrived although its answer did not.
            self.update_workbook(definition, public)

    def update_workbook(self, definition: str, public: bool = False) -> None:
        """Replace a workbook and its workflows by one that has been validated.

        :raises RefusedError: not there, or a right is missing.
        """
        self._api.http.put(_unchecked(public), definition.encode(), headers=dict(DEFINITION))

    def workbook(self, name: str) -> str | None:
        """Return the text of a workbook, None if there is none of this name."""
        found = self._pages("workbooks", fields="name,definition", name=name)
        return next((str(record["definition"]) for record in found), None)

    def add_workbook(self, definition: str, public: bool = False) -> None:
        """Install a new workbook that has been validated, or whose text was made by a program.

        Mistral checks it only if its operator insists: that takes 0.2 s per task.

        :raises ConflictError: there is one of this name; it stays as it is. It may be this very
            one: an earlier try of this call may have arrived although its answer did not.
        """
        self._api.http.post(_unchecked(public), definition.encode(), headers=dict(DEFINITION))

    def workflow_names(self, part: str) -> set[str]:
        """Return the names of the workflows whose name has a part."""
        return {
            record["name"] for record in self._pages("workflows", fields="name", name=f"has:{part}")
        }

    def environment(self, name: str) -> Record:
        """Return the variables of an environment; none if it does not exist."""
        try:
            found = self._api.environments.get(_part(name))
            return decoded(found.to_dict().get("variables"))
        except NotFoundError:
            return {}

    def workflows(self) -> list[Record]:
        """Return name, input (text) and interface (JSON text) of every workflow."""
        return list(self._pages("workflows", fields="name,input,namespace"))

    def workflow(self, name: str, namespace: str = "") -> Record:
        """Return a workflow: name, interface (JSON text), definition and more.

        :param namespace: empty: the default one.
        :raises NotFoundError: no workflow of this name.
        """
        found = self._api.workflows.get(_part(name), _part(namespace))
        return cast(Record, found.to_dict())

    def actions(self) -> list[Record]:
        """Return name and input (text) of every action."""
        return list(self._pages("actions", fields="name,input"))

    def refusal(self) -> str | None:
        """Return why the pack refuses this Mistral, None if it does not; see its ``provider``."""
        found = self._pages("actions", fields="name,description", name="recovery.refused")
        return next((str(record["description"]) for record in found), None)

    # Executions

    def start(
        self,
        workflow: str,
        inputs: Mapping[str, Any],
        execution_id: str | None = None,
        description: str = "",
        namespace: str = "",
    ) -> Execution:
        """Start a workflow, once: with the id of an execution that is there, return that one.

        :param inputs: only these are sent, so that the workflow's own defaults stay in force.
        :param execution_id: chosen by the caller, or a new one.
        :param namespace: where the workflow is; empty: the default one.
        :raises WorkflowMissingError: no workflow of this name.
        :raises RefusedError: the inputs do not fit, or a right is missing.
        """
        body = {
            # Chosen here in any case: a repeated request must not start a second one.
            "id": execution_id or str(uuid.uuid4()),
            "workflow_name": workflow,
            "workflow_namespace": namespace,
            "input": dict(inputs),
            "description": description,
        }
        try:
            answer = self._api.http.post("/executions", json.dumps(body))
        except RefusedError as error:
            # What Mistral's engine refuses over RPC is a 500 of its API.
            if error.status == 404 or "Workflow not found" in str(error):
                raise WorkflowMissingError(_missing(workflow, namespace), 404) from None
            if error.status == 500 and "Invalid input" in str(error):
                raise RefusedError(str(error), 400) from None
            raise
        return Execution.from_record(answer.json())

    def execution(self, execution_id: str) -> Execution:
        """Return an execution with input and output.

        Mistral 15 refuses ``fields`` for one execution, and its whole record costs hardly more.

        :raises NotFoundError: no execution with this id.
        """
        try:
            record = self._get(f"/executions/{_part(execution_id)}")
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no execution {execution_id} in this Mistral, or not for this project: "
                "`openstack recovery list` shows those that are",
                error.status,
            ) from error
        return Execution.from_record(record)

    def executions(self, page: str = _PAGE, **filters: str) -> Iterator[Execution]:
        """Yield executions with input and output, newest first, as they are asked for.

        :param page: how many are asked for at once.
        :param filters: as in Mistral's API, for example ``workflow_name="has:recovery."``.
        """
        records = self._pages(
            "executions", fields=_EXECUTION_FIELDS, sort_dirs="desc", limit=page, **filters
        )
        return map(Execution.from_record, records)

    def running_sub_execution(self, root_id: str) -> str | None:
        """Return the id of the newest running execution below a root, at any depth."""
        found = self._newest(
            "executions", 1, root_execution_id=root_id, state="RUNNING", fields="id"
        )
        return found[0]["id"] if found else None

    def sub_executions(self, task_id: str) -> list[str]:
        """Return the ids of the executions that a task of type WORKFLOW started."""
        query = {"task_execution_id": task_id, "fields": "id"}
        return [record["id"] for record in self._pages("executions", **query)]

    def cancel(self, execution_id: str) -> None:
        """Stop an execution: nothing new starts.

        :raises NotFoundError: no execution with this id.
        """
        self._api.executions.update(_part(execution_id), "CANCELLED")

    def tasks(self, execution_id: str, fields: str = _TASK_FIELDS) -> list[Record]:
        """Return an execution's tasks, by the second in which they were created.

        :param fields: what is asked for of each, with commas; the fewer, the cheaper.
        """
        query = {"workflow_execution_id": execution_id, "fields": fields}
        return list(self._pages("tasks", **query))

    def active_task(self, execution_id: str) -> Record | None:
        """Return id, name and type of the newest task that is being worked on."""
        # Some, not one: the database's clock may have no fractions of a second, and tasks that
        # were created in the same second come in any order.
        tasks = self._newest(
            "tasks", 5, workflow_execution_id=execution_id, fields="id,name,type,state"
        )
        return next((task for task in tasks if task["state"] in _TASK_ACTIVE), None)

    def newest_result(self, task_id: str) -> tuple[str, Any] | None:
        """Return id and result of the last try of a task whose action gave a result."""
        found = self._newest(
            "action_executions", 1, task_execution_id=task_id, state="SUCCESS", fields="id,output"
        )
        return next(((one["id"], decoded(one.get("output")).get("result")) for one in found), None)

    def _newest(self, key: str, count: int, **params: str) -> list[Record]:
        """Return the newest records of a collection."""
        found = self._get(f"/{key}", **params, sort_dirs="desc", limit=str(count))
        return found.get(key) or []

    def _pages(self, key: str, **params: str) -> Iterator[Record]:
        """Yield the records of a collection, page by page.

        Mistral cuts a list that it finds too long, asked to or not. The marker is made here: the
        ``next`` links name Mistral's own idea of its address.
        """
        seen: set[str] = set()
        while True:
            answer = self._get(f"/{key}", **params)
            fresh = [record for record in answer.get(key, []) if record["id"] not in seen]
            yield from fresh
            # A server that does not know our marker would send its first page for ever.
            if not fresh or not answer.get("next"):
                return
            seen.update(record["id"] for record in fresh)
            params = {**params, "marker": fresh[-1]["id"]}

    def _get(self, path: str, **params: str) -> Record:
        query = f"?{urlencode(params)}" if params else ""
        return cast(Record, self._api.http.get(path + query).json())


def _part(value: str) -> str:
    """Return an id or a name made safe for a path: people type it."""
    return quote(value, safe="")


def _unchecked(public: bool) -> str:
    return f"/workbooks?scope={'public' if public else 'private'}&skip_validation=true"


def _missing(workflow: str, namespace: str) -> str:
    where = f" in namespace {namespace}" if namespace else ""
    ours = ": run `openstack recovery sync`" if workflow.startswith("recovery.") else ""
    return f"workflow {workflow} is not installed in this Mistral{where}{ours}"
