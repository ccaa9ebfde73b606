"""The lines about servers in a report."""

from mistral_actions.servers.lines import server_line


def test_lines_say_from_where_to_where_and_why():
    server = {"id": "1", "name": "a", "was": "active"}
    assert server_line("compute1", server, "FAILED", ("REFUSED", "says why"), "c2") == {
        "id": "1",
        "name": "a",
        "from": "compute1",
        "to": "c2",
        "was": "active",
        "state": "FAILED",
        "reason": "REFUSED",
        "message": "says why",
    }
    assert server_line("compute1", server, "PENDING", "SELECTED")["message"] == ""
