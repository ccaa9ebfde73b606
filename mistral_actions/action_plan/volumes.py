"""Action of a plan about volumes: move one to another pool, or to another type."""

from typing import Any

from mistral_actions import inputs
from mistral_actions.action_plan.checks import ActionCheck, named
from mistral_actions.errors import Conflict, Forbidden, NotFound, Refused, Rejected
from mistral_actions.services.block_storage import BlockStorage, block_storage_of
from mistral_actions.steps import PolledStep, Todo

_HOST = "os-vol-host-attr:host"
_STATES = ("available", "in-use")
_MOVING = ("starting", "migrating", "completing")


class VolumeTodo(Todo):
    """A move of a volume: the body of its action, and `to` which `pool` or `type`."""

    request: dict[str, Any]
    to: dict[str, str]


class CheckVolumeMigrate(ActionCheck):
    """See whether a volume is to be moved; writes nothing; polled while Cinder is busy with it.

    Parameters: `resource_id`, `migration_type`, `destination_node` (a pool, `host@backend#pool`),
    `destination_type`. `migrate` moves it to the pool, `retype` gives it the type, and `swap` is
    the one for which a destination is given: Cinder itself asks Nova to swap an attached volume.
    Undo: back to its pool or type.
    Nova: nothing; Cinder: looks up the volume; lists pools or types.
    """

    _type = "volume_migrate"

    def _look(self, context: Any) -> VolumeTodo | dict[str, Any]:
        volume_id = self._parameter("resource_id", inputs.identifier)
        kind = self._parameter("migration_type", inputs.choice("migrate", "retype", "swap"))
        if kind == "swap":
            kind = "retype" if inputs.bare(self._given("destination_type")) else "migrate"
        cinder = block_storage_of(context)
        try:
            volume = cinder.volume(volume_id)
        except NotFound:
            return self._ended("SKIPPED", "GONE", f"Cinder has no volume {volume_id} (any more).")
        name, status = volume.get("name") or volume_id, volume["status"]
        self._resource = {"id": volume_id, "name": name}
        if status == "deleting":
            return self._ended("SKIPPED", "GONE", f"{name} is being deleted.")
        if is_moving(volume):
            return self._busy(f"Cinder shows {name} {status}, {volume.get('migration_status')}")
        if status not in _STATES:
            text = f"{name} is {status}: it must be {' or '.join(_STATES)}. Nothing was changed."
            raise Refused(text, "WRONG_STATE")
        return self._retype(cinder, volume) if kind == "retype" else self._migrate(cinder, volume)

    def _migrate(self, cinder: BlockStorage, volume: dict[str, Any]) -> VolumeTodo | dict[str, Any]:
        pool = self._parameter("destination_node", _pool)
        if volume.get(_HOST) is None:
            raise Forbidden("Cinder does not show the pool of a volume: this needs its admin.")
        if is_in(volume, pool):
            text = f"{self._name} is in {volume[_HOST]}."
            return self._ended("SKIPPED", "NOTHING_TO_DO", text)
        pools = cinder.pools()
        if not any(pool in (one, one.partition("#")[0]) for one in pools):
            near = inputs.nearest(pool, pools) or "."
            text = f"Cinder has no pool {pool!r}{near} Nothing was changed."
            raise Refused(text, "UNKNOWN_HOST")
        body = {"host": pool, "force_host_copy": False, "lock_volume": True}
        undo = {"migration_type": "migrate", "destination_node": volume[_HOST]}
        return self._move(undo, {"os-migrate_volume": body}, pool=pool)

    def _retype(self, cinder: BlockStorage, volume: dict[str, Any]) -> VolumeTodo | dict[str, Any]:
        names, known = self._names("destination_type"), cinder.types()
        wanted = named(names, known)
        if wanted is None:
            near = inputs.nearest(names[-1], [one["name"] for one in known]) or "."
            text = f"Cinder has no volume type {names[0]!r}{near} Nothing was changed."
            raise Refused(text, "UNKNOWN_TYPE")
        was, name = volume.get("volume_type"), str(wanted["name"])
        if was == name:
            return self._ended("SKIPPED", "NOTHING_TO_DO", f"{self._name} has the type {was}.")
        body = {"new_type": name, "migration_policy": "on-demand"}
        undo = {"migration_type": "retype", "destination_type": was} if was else None
        return self._move(undo, {"os-retype": body}, type=name)

    def _move(self, undo: Any, request: dict[str, Any], **to: str) -> VolumeTodo:
        back = {"resource_id": self._details()["resource"]["id"], **undo} if undo else None
        return {**self._todo(back), "request": request, "to": to}

    @property
    def _name(self) -> str:
        return str(self._resource and self._resource["name"])


class MoveVolume(PolledStep[VolumeTodo]):
    """Move a volume and look until it is there; polled.

    Cinder keeps no record of what was done with a volume. One that is neither there nor on its
    way was not asked for yet, or could not be moved: `ask` tells these two apart.

    :param todo: what the check has found.
    :param ask: whether to ask Cinder if it is not on its way; else that means that it failed.
    :param alone: false while another run of this step is at work: then this one does nothing.
    Errors: VOLUME_MIGRATE_FAILED, GONE.
    Nova: nothing; Cinder: looks up the volume; os-migrate_volume, os-retype.
    """

    def __init__(self, todo: VolumeTodo, ask: bool = False, alone: bool = True) -> None:
        super().__init__(todo, alone)
        self.ask = ask

    def act_for(self, context: Any) -> dict[str, Any]:
        """Return `finished`, and then the report."""
        cinder = block_storage_of(context)
        volume = self._volume(cinder)
        now = f"Cinder shows {self._name} {volume['status']}"
        now = f"{now}, migration {volume.get('migration_status') or 'none'}"
        where = volume.get(_HOST) if "pool" in self.todo["to"] else volume.get("volume_type")
        if is_moving(volume):
            return {**self._not_yet(now), "finished": self.ask}
        if is_in(volume, self.todo["to"].get("pool")) or where == self.todo["to"].get("type"):
            return self._succeeded(f"{self._name} was moved to {where}.")
        if not self.ask:
            text = f"Cinder could not move {self._name}: it is still in {where}. {now}."
            raise self._failed("VOLUME_MIGRATE_FAILED", text)
        doing = f"asking Cinder to move {self._name}"
        try:
            cinder.act(self._id, doing, self.todo["request"])
        except (Conflict, Rejected):
            if not is_moving(self._volume(cinder)):  # else it was asked by a process that died
                raise
        return {**self._not_yet(now), "finished": True}

    def _volume(self, cinder: BlockStorage) -> dict[str, Any]:
        try:
            return cinder.volume(self._id)
        except NotFound:
            raise self._failed("GONE", f"{self._name} was deleted meanwhile.") from None


def is_moving(volume: dict[str, Any]) -> bool:
    """Say whether Cinder is about to migrate or retype a volume."""
    return volume.get("migration_status") in _MOVING or volume["status"] in (
        "retyping",
        "maintenance",
    )


def is_in(volume: dict[str, Any], pool: str | None) -> bool:
    """Say whether a volume is in a pool, which may be given without its last part."""
    host = str(volume.get(_HOST))
    return pool in (host, host.partition("#")[0])


def _pool(value: Any) -> str:
    try:
        return inputs.text(value)
    except ValueError:
        raise ValueError("a pool, as `cinder get-pools` shows it") from None
