"""Read an operator's file of recovery methods, or refuse it with all that is wrong in it.

The file is in the format of oslo.config. Two sections are read: Masakari's own
``[taskflow_driver_recovery_flows]``, unchanged, and ``[recovery_methods]``, which adds the phase
``finally`` and the settings of tasks. All other sections are options of the operator's own tasks.
"""

import difflib
from collections.abc import Iterator

from driver.methods.chains import default_chain, names_in, read_chain
from driver.methods.ini import Ini, IniOption, read_ini
from driver.methods.model import FAILURES, PHASES, Chain, Methods, MethodsError, Step
from driver.methods.names import NAME, NAME_RULE
from driver.methods.settings import read_task
from driver.text.messages import legible, nearest, shown
from driver.text.problems import Place, Problem

MASAKARI = "taskflow_driver_recovery_flows"
OURS = "recovery_methods"
_TASK = "task."
_TASKS = "_recovery_tasks"
# Misspelled, not merely alike: sections of the operator's own may be called recovery_...
_MISSPELLED = 0.85


def default_methods() -> Methods:
    """Return the recovery methods of an operator who has no file: Masakari's defaults."""
    chains = {failure: default_chain(failure, "the defaults") for failure in FAILURES}
    return Methods(None, chains, {})


def read_methods(text: str, file: str) -> Methods:
    """Read a file of recovery methods.

    :param text: the file.
    :param file: its name, for messages.
    :raises MethodsError: with everything that is wrong, by line.
    """
    problems: list[Problem] = []
    ini = read_ini(text, file, problems)
    problems += [*_wrong_sections(ini, file), *_given_twice(ini)]
    chain_options: list[tuple[str, IniOption]] = []
    task_options: list[tuple[str, IniOption]] = []
    unknown: list[IniOption] = []
    for option in ini.options:
        section, name = _lower(option.section), option.name
        if failure := _failure(section, name):
            chain_options.append((failure, option))
        elif section == OURS and name.startswith(_TASK):
            task_options.append((name.removeprefix(_TASK), option))
        elif section in (MASAKARI, OURS) and name:
            unknown.append(option)

    problems += _in_both_sections(chain_options)
    chains = {failure: default_chain(failure, file) for failure in FAILURES}
    for failure, option in chain_options:
        # finally is ours: Masakari would refuse it when a host has already died
        phases = PHASES if _lower(option.section) == OURS else PHASES[:-1]
        chains[failure] = read_chain(failure, option, phases, problems)
    named = {step.name for chain in chains.values() for step in _steps(chain)}
    named = named.union(*(names_in(option) for _, option in chain_options))
    problems += [_unknown(option, named) for option in unknown]
    tasks = {}
    for name, option in task_options:
        problems += _wrong_name(name, option, named)
        task = read_task(name, option, problems)
        if task:
            tasks[name] = task
    if problems:
        raise MethodsError(problems)
    return Methods(file, chains, tasks)


def _lower(section: str) -> str:
    # oslo.config does not mind the case of a section's name; that of an option's it does
    return section.lower()


def _failure(section: str, option: str) -> str | None:
    """Return the failure whose chain an option gives; None if it gives none."""
    if section == MASAKARI:
        return next((failure for failure in FAILURES if option == failure + _TASKS), None)
    return option if section == OURS and option in FAILURES else None


def _steps(chain: Chain) -> Iterator[Step]:
    for steps in chain.phases.values():
        yield from steps


def _wrong_sections(ini: Ini, file: str) -> Iterator[Problem]:
    if not {_lower(section) for section, _ in ini.sections} & {MASAKARI, OURS}:
        message = f"neither [{OURS}] nor [{MASAKARI}] is in this file: nothing to compile"
        yield Problem(Place(file, 1), message)
    for section, place in ini.sections:
        name = _lower(section).strip()
        close = difflib.get_close_matches(name[:100], (MASAKARI, OURS), 1, _MISSPELLED)
        if close and close[0] != _lower(section):
            yield Problem(place, f"unknown section; did you mean [{close[0]}]?")


def _given_twice(ini: Ini) -> Iterator[Problem]:
    first: dict[tuple[str, str], int] = {}
    for option in ini.options:
        key = _lower(option.section), option.name
        if key[0] in (MASAKARI, OURS) and key in first:
            yield Problem(option.place, f"given again; it is given in line {first[key]} already")
        first.setdefault(key, option.place.line)


def _in_both_sections(options: list[tuple[str, IniOption]]) -> Iterator[Problem]:
    earlier: dict[str, IniOption] = {}
    for failure, option in options:
        other = earlier.get(failure)
        if other and _lower(other.section) != _lower(option.section):
            message = f"the chain of {failure} is given at {other.place} already; keep one"
            yield Problem(option.place, message)
        earlier[failure] = option


def _unknown(option: IniOption, named: set[str]) -> Problem:
    if _lower(option.section) == MASAKARI:
        known = [failure + _TASKS for failure in FAILURES]
    else:
        known = [*FAILURES, *(_TASK + name for name in named)]
    hint = nearest(option.name, known)
    if not hint:
        options = [name for name in known if not name.startswith(_TASK)]
        ours = f" and {_TASK}<name>" if len(options) < len(known) else ""
        hint = f"; there are {', '.join(options)}{ours}"
    return Problem(option.place, f"unknown option{hint}")


def _wrong_name(name: str, option: IniOption, named: set[str]) -> Iterator[Problem]:
    if not NAME.fullmatch(name):
        yield Problem(option.place, f"{shown(name)} is not a name: {NAME_RULE}")
    elif name not in named:
        yield Problem(option.place, f"no chain names {legible(name)}{nearest(name, named)}")
