"""A keystoneauth adapter with a small Mistral behind it: its answers have the API's shapes."""

import json
import types
import urllib.parse

from driver.mistral.client import MistralClient
from driver.mistral.transport import Transport

EVACUATE = "recovery.evacuate_servers"


class Clock:
    """Time that passes only when somebody sleeps; ``plan`` holds what happens meanwhile."""

    def __init__(self):
        self.now = 0.0
        self.plan = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        assert self.now < 3600, "waits for ever"
        if self.plan:
            self.plan.pop(0)()


class Response:
    def __init__(self, status_code, body, token=None):
        self.status_code = status_code
        self.text = body if isinstance(body, str) else json.dumps(body)
        headers = {"X-Auth-Token": token} if token else {}
        # python-mistralclient writes these into its log
        self.request = types.SimpleNamespace(headers=headers, method="")
        self.url = ""

    def json(self):
        return json.loads(self.text)


class FakeApi:
    """What of Mistral's API the driver uses; records are kept oldest first.

    ``faults`` are answers or exceptions given instead, one per request.
    """

    def __init__(self):
        self.requests = []
        self.faults = []
        self.project_id = None
        self.data = {
            key: []
            for key in (
                *("workbooks", "workflows", "actions"),
                *("executions", "tasks", "action_executions"),
            )
        }
        self.invalid = {}

    def get_project_id(self):
        return self.project_id

    def request(self, url, method, raise_exc, timeout, **options):
        """Take a request; what was sent is kept as ``params``, ``json`` and ``text``."""
        assert raise_exc is False
        assert timeout > 0
        path, _, query = url.partition("?")
        options["params"] = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if data := options.pop("data", None):
            kind = "json" if options["headers"]["content-type"] == "application/json" else "text"
            options[kind] = json.loads(data) if kind == "json" else data.decode("utf-8")
        self.requests.append((method, path, options))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        parts = path.strip("/").split("/")
        return getattr(self, f"_{method.lower()}_{parts[0]}", self._get)(parts, options)

    def _get(self, parts, options):
        records = self.data[parts[0]]
        if len(parts) == 2:
            if "fields" in options["params"]:  # as Mistral 15 does
                return refusal(400, 'Unknown argument: "fields"')
            found = next((record for record in records if record["id"] == parts[1]), None)
            return Response(200, found) if found else refusal(404, f"not found [id={parts[1]}]")
        return Response(200, page(parts[0], records, dict(options.get("params") or {})))

    def _post_workbooks(self, parts, options):
        text = options["text"]
        if parts[-1] == "validate":
            error = self.invalid.get(text)
            return Response(200, {"valid": False, "error": error} if error else {"valid": True})
        return self._write(text, options, new=True)

    def _put_workbooks(self, parts, options):
        return self._write(options["text"], options, new=False)

    def _write(self, text, options, new):
        name = next(line[6:] for line in text.splitlines() if line.startswith("name: "))
        books = self.data["workbooks"]
        owner = self.project_id or "<default-project>"
        there = [book for book in books if (book["name"], book["project_id"]) == (name, owner)]
        if new and there:
            return refusal(409, f"Duplicate entry for WorkbookDefinition: {name}")
        book = {
            "id": f"{name} of {owner}",
            "name": name,
            "definition": text,
            "scope": options["params"]["scope"],
            "project_id": owner,
        }
        self.data["workbooks"] = [other for other in books if other not in there] + [book]
        return Response(201 if new else 200, book)

    def _post_executions(self, parts, options):
        body = options["json"]
        if body["workflow_name"] not in [flow["name"] for flow in self.data["workflows"]]:
            return refusal(
                500,
                "DBEntityNotFoundError: 404: Workflow not found"
                f" [workflow_identifier={body['workflow_name']}, namespace=]",
            )
        there = [item for item in self.data["executions"] if item["id"] == body["id"]]
        return Response(
            201,
            there[0]
            if there
            else self.execution(body["id"], workflow=body["workflow_name"], **body["input"]),
        )

    def _put_executions(self, parts, options):
        record = next(item for item in self.data["executions"] if item["id"] == parts[1])
        record.update(options["json"])
        return Response(200, record)

    # What tests put in

    def execution(self, name, workflow="recovery.host.recover", root=None, task=None, **inputs):
        record = {
            "id": name,
            "workflow_name": workflow,
            "root_execution_id": root,
            "task_execution_id": task,
            "state": "RUNNING",
            "state_info": None,
            "input": json.dumps(inputs),
            "output": "{}",
            "created_at": f"2026-01-31 12:00:{len(self.data['executions']):02}",
            "updated_at": "2026-01-31 12:05:00",
        }
        self.data["executions"].append(record)
        return record

    def end(self, name, ended="SUCCESS", state_info=None, **told):
        """End an execution with a report, if anything of one is told."""
        record = next(item for item in self.data["executions"] if item["id"] == name)
        report = {"state": "", "reason": "", "message": "", "details": {}, **told}
        output = {"report": report} if told else {}
        record.update(state=ended, state_info=state_info, output=json.dumps(output))

    def task(self, task_id, execution, name, kind="ACTION", state="RUNNING", **more):
        record = {
            "id": task_id,
            "workflow_execution_id": execution,
            "name": name,
            "type": kind,
            "state": state,
            "created_at": "2026-01-31 12:00:00",
            **more,
        }
        self.data["tasks"].append(record)
        return record

    def counted(self, task, **counts):
        number = len(self.data["action_executions"])
        result = {"running": 0, "failed": 0, "pending": 0, "skipped": 0, **counts}
        self.data["action_executions"].append(
            {
                "id": f"try-{number}",
                "task_execution_id": task,
                "state": "SUCCESS",
                "output": json.dumps({"result": result}),
            }
        )


def page(key, records, params):
    """Filter, sort and cut a collection as Mistral does."""
    limit, marker = int(params.pop("limit", 0)), params.pop("marker", None)
    descending = params.pop("sort_dirs", "asc") == "desc"
    nulls = params.pop("nulls", None)
    params = {name: value for name, value in params.items() if name not in ("fields", "namespace")}
    found = [
        record
        for record in records
        if all(matches(record.get(name), value) for name, value in params.items())
        and (nulls is None or record.get(nulls) is None)
    ]
    found = found[::-1] if descending else found
    if marker:
        ids = [record["id"] for record in found]
        found = found[ids.index(marker) + 1 :] if marker in ids else found
    if limit and len(found) >= limit:
        return {key: found[:limit], "next": "http://elsewhere.invalid/v2"}
    return {key: found}


def matches(value, wanted):
    if wanted.startswith("has:"):
        return wanted[4:] in (value or "")
    return value == wanted


def refusal(status, text, token=None):
    body = {"faultcode": "Client", "faultstring": text, "debuginfo": None}
    return Response(status, body, token)


def fake_mistral(api, patience=15.0, clock=None):
    clock = clock or Clock()
    return MistralClient(Transport(api, patience, sleep=clock.sleep, clock=clock))
