"""What must stand in no file of the repository."""

import hashlib
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, ROOT, blocks, pictures

# Put together from pieces, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w.])/(" + "|".join(["work", "root", "home"]) + r")/",
    "an end of processes by their name": r"\b(" + "|".join(["p" + "kill", "kill" + "all"]) + r")\b",
    "a token": r"gAAAA" + r"[\w-]{60,}",
    "a private key": "BEGIN " + r"[A-Z ]*PRIVATE KEY",
}


def files() -> list[Path]:
    """Return the files that are in the repository, or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if re.search(FORBIDDEN[what], line)
    ]

    assert len(files()) > 50
    assert found == []


def test_what_a_lab_writes_is_never_part_of_the_repository() -> None:
    names = {path.name for path in files()}

    assert not names & {"clouds.yaml", "lab.json", "mistral.conf", "mistral.sqlite"}


def test_links_between_the_documents_lead_to_files() -> None:
    dead = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / target).is_file()
    ]

    assert dead == []


def test_each_picture_of_the_architecture_was_rendered_from_the_source_beside_it() -> None:
    """If not: tools/pictures."""
    lines = (ROOT / "docs/images/architecture.sha256").read_text().splitlines()
    rendered = {name: checksum for checksum, name in (line.split() for line in lines)}
    sources = {
        name: hashlib.sha256(source.encode()).hexdigest() for name, source in pictures().items()
    }

    assert rendered == sources
    assert len(sources) == sum(
        block.kind == "mermaid" for block in blocks(ROOT / "docs/architecture.md")
    )


def test_the_index_of_the_documents_names_all_of_them() -> None:
    index = (ROOT / "docs/README.md").read_text()

    missing = [path.name for path in DOCUMENTS if f"({path.name})" not in index]
    assert missing == ["README.md", "CONTRIBUTING.md", "README.md"]
