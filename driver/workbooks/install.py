"""Install workbooks in a Mistral: all checked first, then only what changed is written."""

import re
from collections.abc import Iterable
from pathlib import Path

from driver.errors import RefusedError
from driver.mistral.client import MistralClient
from driver.mistral.records import Record, decoded
from driver.text.problems import Place, Problem, by_line
from driver.workbooks.files import (
    InvalidWorkbooksError,
    Signature,
    Workbook,
    parse_signature,
)
from driver.workbooks.header import METHODS_WORKBOOK, is_operators
from driver.workbooks.lint import Catalogue, lint

# What Mistral calls the owner of everything while its authentication is off.
_NO_PROJECT = "<default-project>"


def sync(mistral: MistralClient, workbooks: list[Workbook], public: bool = False) -> dict[str, str]:
    """Make Mistral's copies of these workbooks equal to them, in text and scope.

    Recovery methods that an operator composed are kept, and not replaced by the pack's defaults.

    :param public: usable by every project (Mistral leaves that to administrators).
    :returns: for each workbook's name ``created``, ``updated``, ``unchanged`` or ``kept``.
    :raises InvalidWorkbooksError: something is not valid; then nothing was written.
    :raises RefusedError: a right is missing, or the pack in Mistral says that it cannot run there.
    """
    if refusal := mistral.refusal():
        raise RefusedError(refusal)
    there = own_workbooks(mistral)
    kept = {book.name for book in workbooks if _is_customised(book, there.get(book.name))}
    problems = check(mistral, workbooks)
    if problems:
        raise InvalidWorkbooksError(problems)
    done = install(mistral, [book for book in workbooks if book.name not in kept], public)
    return {book.name: done.get(book.name, "kept") for book in workbooks}


def install(
    mistral: MistralClient, workbooks: list[Workbook], public: bool | None = False
) -> dict[str, str]:
    """Write the workbooks that differ from Mistral's copies; they have been checked before.

    Parameters and results are those of :func:`sync`.

    :param public: None leaves to each workbook the scope that it has.
    """
    there = own_workbooks(mistral)
    try:
        return {
            book.name: _install(mistral, book, there.get(book.name), public) for book in workbooks
        }
    except RefusedError as error:
        if public and error.status == 403:
            raise RefusedError(
                f"{error}: only an administrator may make a workbook public", error.status
            ) from error
        raise


def check(
    mistral: MistralClient, workbooks: list[Workbook], known: Catalogue | None = None
) -> list[Problem]:
    """Return all problems that the workbooks would have in this Mistral, by file and line.

    :param known: what it has, if that is known already.
    """
    problems = lint(workbooks, known or catalogue(mistral, workbooks))
    for book in workbooks:
        message = mistral.validate_workbook(book.text)
        if message:
            problems.append(_refused_by_mistral(book.path, message))
    return by_line(problems)


def catalogue(mistral: MistralClient, workbooks: Iterable[Workbook] = ()) -> Catalogue:
    """Return which actions and workflows this Mistral has, with their inputs.

    :param workbooks: about to be installed. Their workflows are left out: what counts for them is
        the new text, and a workflow that is no longer in it must not be called.
    """
    replaced = tuple(f"{book.name}." for book in workbooks)
    return Catalogue(
        actions={
            record["name"]: parse_signature(record.get("input")) for record in mistral.actions()
        },
        workflows={
            record["name"]: _workflow_signature(record)
            for record in mistral.workflows()
            if not record["name"].startswith(replaced)
        },
    )


def _workflow_signature(record: Record) -> Signature:
    inputs = decoded(record.get("interface")).get("input")
    if inputs is None:  # an older Mistral
        return parse_signature(record.get("input"))
    return Signature(
        required=frozenset(item for item in inputs if isinstance(item, str)),
        optional=frozenset(name for item in inputs if isinstance(item, dict) for name in item),
    )


def own_workbooks(mistral: MistralClient) -> dict[str, Record]:
    """Return the workbooks that belong to the caller: lists hold other projects' public ones."""
    owners = {mistral.project_id, _NO_PROJECT, None}
    return {
        record["name"]: record
        for record in mistral.workbooks()
        if mistral.project_id is None or record.get("project_id") in owners
    }


def _is_customised(book: Workbook, there: Record | None) -> bool:
    """Say whether Mistral has an operator's own recovery methods in place of these defaults."""
    is_default = book.name == METHODS_WORKBOOK and not is_operators(book.text)
    return is_default and there is not None and is_operators(there["definition"])


def _install(
    mistral: MistralClient, book: Workbook, there: Record | None, public: bool | None
) -> str:
    if public is None:
        public = there is not None and there["scope"] == "public"
    if there is None:
        mistral.create_workbook(book.text, public)
        return "created"
    scope = "public" if public else "private"
    if there["definition"] == book.text and there["scope"] == scope:
        return "unchanged"
    mistral.update_workbook(book.text, public)
    return "updated"


def _refused_by_mistral(path: Path, message: str) -> Problem:
    """Return Mistral's own complaint as a problem: it seldom says where."""
    where = re.search(r"line (\d+)", message)
    text = " ".join(message.split())
    return Problem(Place(str(path), int(where[1]) if where else 1, "Mistral says"), text[:500])
