"""Read an operator's file of recovery methods, or refuse it with all that is wrong in it."""

import re
from collections.abc import Mapping

from driver.methods.defaults import default_chain
from driver.methods.masakari_ini import OPTIONS, SECTION, read_masakari_ini
from driver.methods.methods_yaml import read_methods_yaml
from driver.methods.model import FAILURES, MethodChain, Methods, MethodsError, TaskSettings
from driver.text.problems import Problem

# A line that is nothing but a [section], closed or not; no line of a mapping in YAML is
_SECTION = re.compile(r"^\[[^\],:]*\]?[ \t\r]*$", re.MULTILINE)
# What Masakari's guide prints, pasted as the first thing: indented, or without its section
_PASTED = re.compile(
    rf"(?:[ \t]*(?:[#;].*)?\n)*[ \t]*(?:\[{SECTION}\]|(?:{'|'.join(OPTIONS)})[ \t]*=)",
    re.IGNORECASE,
)


def read_methods(text: str, file: str) -> Methods:
    """Read a file of recovery methods.

    A file that has a ``[section]`` is Masakari's; any other is YAML.

    :param text: the file.
    :param file: its name, for messages.
    :raises MethodsError: with everything that is wrong, by line.
    """
    problems: list[Problem] = []
    chains: Mapping[str, MethodChain]
    tasks: Mapping[str, TaskSettings] = {}
    if _SECTION.search(text) or _PASTED.match(text):
        chains = read_masakari_ini(text, file, problems)
    else:
        chains, tasks = read_methods_yaml(text, file, problems)
    if problems:
        raise MethodsError(problems)
    whole = {failure: chains.get(failure) or default_chain(failure, file) for failure in FAILURES}
    return Methods(file, whole, tasks)
