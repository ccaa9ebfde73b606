"""From an operator's file to what a particular Mistral can be given, or to all that is wrong."""

import dataclasses
import pathlib
import re
from collections.abc import Iterator

from driver.methods.compile import Compiled, compile_methods
from driver.methods.model import Methods, MethodsError
from driver.methods.reader import read_methods
from driver.methods.resolve import resolve
from driver.mistral.client import MistralClient
from driver.text.problems import Place, Problem, read_text
from driver.workbooks.files import Workbook, child, compose, entries, line_of
from driver.workbooks.header import METHODS_WORKBOOK
from driver.workbooks.install import catalogue, check, own_workbooks
from driver.workbooks.lint import Catalogue


def load_methods(path: pathlib.Path) -> Methods:
    """Read an operator's file.

    :raises MethodsError: it cannot be read, or something in it is wrong.
    """
    problems: list[Problem] = []
    text = read_text(path, problems)
    if text is None:
        raise MethodsError(problems)
    return read_methods(text, str(path))


def compile_for(mistral: MistralClient, methods: Methods) -> Compiled:
    """Compile recovery methods for this Mistral; nothing is written.

    :raises MethodsError: this Mistral cannot carry them out.
    """
    known = _without_own(catalogue(mistral))
    compiled = compile_methods(methods, resolve(methods, known))
    found = check(mistral, [compiled.workbook], known)
    if found:
        raise MethodsError(located(found, compiled, methods))
    return compiled


def installed(mistral: MistralClient) -> str:
    """Return the recovery methods' workbook that this Mistral has; empty if it has none."""
    there = own_workbooks(mistral).get(METHODS_WORKBOOK)
    return str(there["definition"]) if there else ""


def _without_own(known: Catalogue) -> Catalogue:
    # the workflows that are about to be replaced must not be called
    others = {
        name: signature
        for name, signature in known.workflows.items()
        if not name.startswith(f"{METHODS_WORKBOOK}.")
    }
    return dataclasses.replace(known, workflows=others)


def located(found: list[Problem], compiled: Compiled, methods: Methods) -> Iterator[Problem]:
    """Say of each problem of the workbook where it comes from in the operator's file."""
    for problem in found:
        match = re.fullmatch(r"workflow (\w+), task (\w+)", problem.place.path)
        step = compiled.steps.get((match[1], match[2])) if match else None
        if match and step:
            key = _input_at(compiled.workbook, match[1], match[2], problem.place.line)
            yield Problem(step.place_of(key), problem.message)
        else:
            place = Place(methods.source or "the defaults")
            where = f"in the compiled workbook, line {problem.place.line}, {problem.place.path}"
            yield Problem(place, f"{where}: {problem.message}")


def _input_at(workbook: Workbook, workflow: str, task: str, line: int) -> str:
    """Return the key of the setting from which a line of a task comes."""
    tasks = child(child(child(compose(workbook), "workflows"), workflow), "tasks")
    inputs = child(child(tasks, task), "input")
    keys = [
        f"input.{name.value}"
        for name, value in entries(inputs)
        if line_of(name) <= line <= value.end_mark.line + 1
    ]
    return keys[-1] if keys else ""
