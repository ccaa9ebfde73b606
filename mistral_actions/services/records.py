"""What a service shows of one thing: a server, a compute service, a migration, ...

Nova answers although the database of a cell does not: of what lies in that cell it shows a few
fields and the status UNKNOWN, or leaves it out of a list (Nova's API guide, "Handling Down Cells").
Some fields may be null besides, or hidden by a policy. So nothing of an answer is read but through
here: what is not shown is not available, and asked for again. It never means "no".
"""

from typing import Any

from mistral_actions.errors import Unavailable

# Where null says something: it is idle, it is on no host, no host was picked, nobody changed it.
_MAY_BE_NULL = {
    "OS-EXT-SRV-ATTR:host",
    "OS-EXT-SRV-ATTR:hypervisor_hostname",
    "OS-EXT-STS:task_state",
    "dest_compute",
}

SILENT_CELL = "Nova is available in part only, the database of a cell does not answer"


class Record(dict[str, Any]):
    """One thing as a service shows it.

    `record[field]` is what is shown, and raises `Unavailable` if nothing is. `record.get(field)` is
    for what may be missing; it raises, too, if the service shows next to nothing of the thing.

    :param shown: an object of the answer. :param what: what it is, for the sentence of an error.
    """

    def __init__(self, shown: dict[str, Any], what: str) -> None:
        super().__init__(shown)
        self._what = what

    @property
    def in_part(self) -> bool:
        """Whether the cell of the thing does not answer."""
        lacking = "name" not in self and "state" not in self
        return lacking and super().get("status") == "UNKNOWN"

    def __getitem__(self, field: str) -> Any:
        found: Any = super().get(field)
        if found is None and not (field in self and field in _MAY_BE_NULL):
            raise self._not_shown(field)
        if isinstance(found, dict) and field != "metadata":  # that is the user's, with any words
            return Record(found, f"{field} of {self._name}")
        return found

    def get(self, field: str, default: Any = None) -> Any:
        """Return what is shown, else the default."""
        if self.in_part and field not in self:
            raise self._not_shown(field)
        return super().get(field, default)

    @property
    def _name(self) -> str:
        shown = dict(self)
        of = shown.get("name") or shown.get("host") or shown.get("id") or ""
        return f"{self._what} {of}".strip()

    def _not_shown(self, field: str) -> Unavailable:
        why = f"its {field} is not shown, this time"
        if self.in_part:
            why = f"its status is UNKNOWN: {SILENT_CELL}"
        return Unavailable(f"Failed looking at the {self._name}: {why}.")
