"""What the tests of the plain clients share: `mistral` and `openstack`, as a person runs them."""

import json
import subprocess
from typing import Any

from tests.functional.support import Cloud
from tests.programs import BIN


def client(cloud: Cloud, *command: str) -> str:
    """Run a command that must succeed; return what it prints."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        env={**cloud.lab.env, "PYTHONWARNINGS": "ignore"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.strip()


def tasks(cloud: Cloud, execution: str) -> list[dict[str, Any]]:
    """Return the tasks of an execution, as `mistral task-list` shows them, oldest first."""
    shown = client(cloud, "mistral", "task-list", execution, "-f", "json", "--oldest")
    return list(json.loads(shown))


def failed_task(cloud: Cloud, execution: str) -> dict[str, Any]:
    """Return the only task in ERROR of an execution."""
    (found,) = [task for task in tasks(cloud, execution) if task["State"] == "ERROR"]
    return found


def sub_execution(cloud: Cloud, task_id: str) -> str:
    """Return the id of the newest execution that a task has started."""
    query = f"task_execution_id={task_id}&sort_keys=created_at"
    return str(cloud.mistral.get(f"/executions?{query}").json()["executions"][-1]["id"])
