"""Read a file of Masakari's: chains in its section ``[taskflow_driver_recovery_flows]``.

All other sections are the operator's own and not looked at.
"""

import difflib
from collections.abc import Iterator

from driver.methods.indentation import indented
from driver.methods.ini import Ini, IniOption, read_ini
from driver.methods.masakari_chain import read_chain
from driver.methods.model import FAILURES, MethodChain
from driver.text.messages import listed, nearest
from driver.text.problems import Place, Problem

SECTION = "taskflow_driver_recovery_flows"
OPTIONS = {f"{failure}_recovery_tasks": failure for failure in FAILURES}
_NOT_READ = "recovery_methods"
# Misspelled, not merely alike: the names of the operator's own sections may be similar
_MISSPELLED = 0.85


def read_masakari_ini(text: str, file: str, problems: list[Problem]) -> dict[str, MethodChain]:
    """Read a file in the format of oslo.config.

    :param text: the file.
    :param file: its name, for messages.
    :param problems: what is wrong is added here.
    :returns: the chains that it gives, by failure; of a broken one what could be read of it.
    """
    text = indented(text, file, SECTION, OPTIONS, problems)
    ini = read_ini(text, file, problems)
    options = [one for one in ini.options if one.section.lower() == SECTION and one.name]
    problems += [*_wrong_sections(ini, file), *_wrong_options(options)]
    return {
        failure: read_chain(failure, option, problems)
        for option in options
        if (failure := OPTIONS.get(option.name))
    }


def _wrong_sections(ini: Ini, file: str) -> Iterator[Problem]:
    # oslo.config does not mind the case of a section's name; that of an option's it does
    sections = [(section.lower(), place) for section, place in ini.sections]
    if not {section for section, _ in sections} & {SECTION, _NOT_READ}:
        yield Problem(Place(file, 1), f"no [{SECTION}] is in this file: nothing to compile")
    for section, place in sections:
        if section == _NOT_READ:
            hint = "chains with `finally` and settings of tasks are written as YAML"
            yield Problem(place, f"this section is not read: {hint} (docs/recovery-methods.md)")
        elif section != SECTION and _is_misspelled(section):
            yield Problem(place, f"unknown section; did you mean [{SECTION}]?")


def _is_misspelled(section: str) -> bool:
    name = section.strip()[:100]
    return bool(difflib.get_close_matches(name, [SECTION], 1, _MISSPELLED))


def _wrong_options(options: list[IniOption]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for option in options:
        name = option.name
        if name in first:
            yield Problem(option.place, f"given again; it is given in line {first[name]} already")
        elif name not in OPTIONS:
            hint = nearest(name, OPTIONS) or f"; there are {listed(OPTIONS)}"
            yield Problem(option.place, f"unknown option{hint}")
        first.setdefault(name, option.place.line)
