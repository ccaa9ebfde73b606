"""What the properties of the policy may say, and all that is wrong with them, as sentences."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driver.senlin import model
from driver.text.messages import listed, nearest, shown

LONGEST_TIMEOUT = 7 * 24 * 3600
_HOUR = 3600


@dataclass(frozen=True)
class _Value:
    """What a single value may be, and the words for it."""

    words: str
    fits: Callable[[Any], bool]


@dataclass(frozen=True)
class _Keys:
    """What a mapping may hold."""

    keys: "Mapping[str, _Value | _Keys | _Items]"
    required: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Items:
    """What a list, which must not be empty, may hold."""

    item: "_Value | _Keys"


_Kind = _Value | _Keys | _Items


def _whole(least: int, most: int, unit: str = "") -> _Value:
    words = f"a whole number{unit} from {least} to {most}"
    return _Value(words, lambda value: type(value) is int and least <= value <= most)


def _one_of(*words: str) -> _Value:
    return _Value(f"one of {listed(words)}", lambda value: value in words)


_TEXT = _Value("a text", lambda value: isinstance(value, str))
_NAME = _Value("a name", lambda value: isinstance(value, str) and bool(value.strip()))
_FLAG = _Value("true or false", lambda value: isinstance(value, bool))
_INPUTS = _Value(
    "a mapping of names to values",
    lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value),
)
_ANYTHING = _Value("anything", lambda _: True)
_SECONDS = _whole(1, LONGEST_TIMEOUT, " of seconds")

_POLL_OPTIONS = _Keys(
    {
        "poll_url": _TEXT,
        "poll_url_ssl_verify": _FLAG,
        "poll_url_conn_error_as_unhealthy": _FLAG,
        "poll_url_healthy_response": _TEXT,
        "poll_url_retry_limit": _whole(1, 1000),
        "poll_url_retry_interval": _SECONDS,
    }
)
_MODE = _Keys(
    {
        "type": _one_of(model.POLLING, model.POLL_URL, model.HYPERVISOR),
        "options": _POLL_OPTIONS,
    },
    ("type",),
)
_DETECTION = _Keys(
    {
        "interval": _SECONDS,
        "node_update_timeout": _SECONDS,
        "recovery_conditional": _one_of("ANY_FAILED", "ALL_FAILED"),
        "detection_modes": _Items(_MODE),
    },
    ("detection_modes",),
)
_ACTION = _Keys({"name": _one_of(*model.NAMES), "params": _ANYTHING}, ("name",))
_RECOVERY = _Keys(
    {
        "actions": _Items(_ACTION),
        "fencing": _Items(_one_of("COMPUTE")),
        "node_delete_timeout": _SECONDS,
        "node_force_recreate": _FLAG,
        "strict": _FLAG,
        "attempts": _whole(1, 1000),
        "backoff": _whole(1, _HOUR, " of seconds"),
    },
    ("actions",),
)
_PROPERTIES = _Keys({"detection": _DETECTION, "recovery": _RECOVERY}, ("detection", "recovery"))
_PARAMS: Mapping[str, _Keys] = {
    model.REBOOT: _Keys({"type": _one_of("SOFT", "HARD")}),
    model.REBUILD: _Keys({}),
    model.RECREATE: _Keys({}),
    model.WORKFLOW: _Keys(
        {
            "workflow_name": _NAME,
            "workflow_namespace": _TEXT,
            "inputs": _INPUTS,
            "timeout": _SECONDS,
            "on_error": _one_of(model.STOP, model.CONTINUE),
            "on_paused": _one_of(model.WAIT, model.FAIL),
        },
        ("workflow_name",),
    ),
}


def mistakes(properties: object) -> list[str]:
    """Return all that is wrong with the properties of a policy, one clause each.

    :param properties: what stands under ``properties``, as the request gave it.
    """
    found = list(_wrong("properties", properties, _PROPERTIES))
    if isinstance(properties, Mapping):
        found += _wrong_modes(_inside(properties, "detection", "detection_modes"))
        found += _wrong_params(_inside(properties, "recovery", "actions"))
    return found


def recovery(properties: Mapping[str, Any]) -> model.Recovery:
    """Return what properties without mistakes say about recovering."""
    detection, said = properties["detection"], properties["recovery"]
    numbers = {name: said[name] for name in ("strict", "attempts", "backoff") if name in said}
    return model.Recovery(
        steps=tuple(
            _step(action, "COMPUTE" in said.get("fencing", ())) for action in said["actions"]
        ),
        detection=tuple(mode["type"] for mode in detection["detection_modes"]),
        all_failed=detection.get("recovery_conditional") == "ALL_FAILED",
        period=detection.get("interval", 60) + detection.get("node_update_timeout", 300),
        **numbers,
    )


def _step(action: Mapping[str, Any], fenced: bool) -> model.Step:
    name, params = action["name"], action.get("params") or {}
    if name == model.RECREATE:
        return model.Step(name, params={"fence_compute": True} if fenced else {})
    if name != model.WORKFLOW:
        return model.Step(name, params=params)
    ours = {"workflow_name": "workflow", "workflow_namespace": "namespace"}
    return model.Step(name, **{ours.get(key, key): value for key, value in params.items()})


def _wrong(place: str, value: object, kind: _Kind) -> Iterator[str]:
    if isinstance(kind, _Value):
        if not _fits(kind, value):
            yield f"{place} is {shown(value)}, but must be {kind.words}{_meant(value, kind)}"
    elif isinstance(kind, _Items):
        if not isinstance(value, list):
            yield f"{place} is {shown(value)}, but must be a list"
        elif not value:
            yield f"{place} is empty, but needs at least one entry"
        else:
            for number, item in enumerate(value):
                yield from _wrong(f"{place}[{number}]", item, kind.item)
    elif not isinstance(value, Mapping):
        yield f"{place} is {shown(value)}, but must be a mapping"
    else:
        yield from _wrong_keys(_below(place), value, kind)


def _fits(kind: _Value, value: object) -> bool:
    try:
        return kind.fits(value)
    except TypeError:  # a value that cannot be compared
        return False


def _meant(value: object, kind: _Value) -> str:
    choices = kind.words.removeprefix("one of ").split(", ")
    if not isinstance(value, str) or not kind.words.startswith("one of "):
        return ""
    return nearest(value, choices) or nearest(value.upper(), choices)


def _below(place: str) -> str:
    """Return the start of the places below one; those of the user's file begin below properties."""
    return "" if place == "properties" else f"{place}."


def _wrong_keys(prefix: str, value: Mapping[Any, Any], kind: _Keys) -> Iterator[str]:
    for key, below in value.items():
        if key in kind.keys:
            yield from _wrong(f"{prefix}{key}", below, kind.keys[key])
        else:
            allowed = f"the keys there are {listed(kind.keys)}" if kind.keys else "none is allowed"
            close = nearest(str(key), kind.keys)
            yield (
                f"{prefix}{shown(key)[1:-1] if isinstance(key, str) else key} is not a key "
                f"that is known there ({allowed}){close}"
            )
    for key in kind.required:
        if key not in value:
            yield f"{prefix}{key} is missing"


def _inside(properties: Mapping[str, Any], part: str, key: str) -> Sequence[Any]:
    inner = properties.get(part)
    found = inner.get(key) if isinstance(inner, Mapping) else None
    return found if isinstance(found, list) else []


def _wrong_modes(modes: Sequence[Any]) -> Iterator[str]:
    seen: set[str] = set()
    for number, mode in enumerate(modes):
        kind = mode.get("type") if isinstance(mode, Mapping) else None
        if not isinstance(kind, str):
            continue
        place = f"detection.detection_modes[{number}]"
        if kind in seen:
            yield f"{place}.type {shown(kind)} stands there twice"
        seen.add(kind)
        options = mode.get("options")
        if kind == model.POLL_URL and not (
            isinstance(options, Mapping) and options.get("poll_url")
        ):
            yield f"{place}.options.poll_url is missing"


def _wrong_params(actions: Sequence[Any]) -> Iterator[str]:
    for number, action in enumerate(actions):
        kind = _PARAMS.get(str(action.get("name"))) if isinstance(action, Mapping) else None
        if kind is not None:
            params = action.get("params")
            place = f"recovery.actions[{number}].params"
            yield from _wrong(place, {} if params is None else params, kind)
