"""What a Mistral has, for tests of what is made of a file."""

from driver.workbooks.files import parse_signature
from driver.workbooks.lint import Catalogue

ACTIONS = {
    "recovery.isolate_host": "plan",
    "recovery.prepare_servers": "plan",
    "recovery.evacuate_servers": "plan, destination=null, tried_before=null, begin=true,"
    " alone=true",
    "recovery.stop_server": "plan, tried_before=null, alone=true",
    "recovery.start_server": "plan, alone=true",
    "recovery.check_server_active": "plan",
    "recovery.disable_host": "plan",
    "recovery.check_host_disabled": "plan",
    "recovery.start_finally": "workflow, execution_id",
    "std.noop": "",
    "std.echo": "output, delay=0",
    "std.email": "from_addr, to_addrs, smtp_server, subject=null, body=null",
    "night.confirm": "report, servers, deadline=60",
    "night.wake": "server, host, failure",
    "night.any": "**kwargs",
}
WORKFLOWS = {
    "recovery.evacuation.to_reserved_hosts": "plan, reserved_hosts, report",
    "night.escalate": "host, level=1",
}
KNOWN = Catalogue(
    {name: parse_signature(text) for name, text in ACTIONS.items()},
    {name: parse_signature(text) for name, text in WORKFLOWS.items()},
)


def records(texts):
    """Return them as Mistral's API does."""
    return [{"id": name, "name": name, "input": text} for name, text in texts.items()]
