"""Configuration files of OpenStack services, from dictionaries."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.errors import LabError

#: {section: {option: value}}
Sections = Mapping[str, Mapping[str, object]]


def merged(base: Sections, overrides: Sections) -> Sections:
    """Return ``base`` with the options of ``overrides`` put over it."""
    names = [*base, *(name for name in overrides if name not in base)]
    return {name: {**base.get(name, {}), **overrides.get(name, {})} for name in names}


def write(path: Path, sections: Sections) -> None:
    """Write ``sections`` so that only the owner can read them (they hold service tokens)."""
    lines = []
    for name, options in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{option} = {value}" for option, value in options.items()]
    write_private(path, "\n".join(lines) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner can read."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def parse_options(options: Iterable[str]) -> Sections:
    """Turn ``["group.name=value"]`` into sections.

    :raises LabError: an option has another form.
    """
    sections: dict[str, dict[str, object]] = {}
    for option in options:
        name, equals, value = option.partition("=")
        group, dot, key = name.partition(".")
        if not (equals and dot and group and key):
            raise LabError(f"{option!r} is not an option; the form is GROUP.NAME=VALUE, "
                           "for instance DEFAULT.debug=true")
        sections.setdefault(group, {})[key] = value
    return sections


def format_options(sections: Sections) -> list[str]:
    """Return what ``parse_options`` reads."""
    return [f"{group}.{name}={value}" for group, options in sections.items()
            for name, value in options.items()]
