"""What stands in the documents: commands, and how a test has to prepare for them.

A command is a line that begins with ``$`` in a block of kind ``console``; other lines there are
what it prints. A block of kind ``sh`` holds commands that cannot be run as they are. A comment
before a block tells the test what must be so, and the reader nothing:

    <!-- test: servers HOST --> there are some on it
    <!-- test: dead HOST -->    there were some on it, when it died
    <!-- test: slow SECONDS --> spawning a server takes so long from here on
    <!-- test: start HOST -->   its nova-compute is started again
    <!-- test: exit STATUS -->  of the only command in the block; without it all must succeed

In mistral-cli.md, whose blocks are one session, these too:

    <!-- test: begun HOST -->   it is dead, and $ID evacuates its servers, slowly, one by one
    <!-- test: full all -->     no hypervisor can spawn a server from here on; none: all can
    <!-- test: check NAME -->   the function of this name looks at what the block has done
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

_CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")
_PARTS = re.compile(
    r"^<!-- test: (?P<mark>\w+) (?P<value>\S+) -->$"
    r"|^```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Block:
    """A fenced block, with the marks that stand before it."""

    kind: str
    text: str
    line: int
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[str]:
        if self.kind == "sh":
            return [line.partition("  #")[0].strip() for line in self.text.splitlines()]
        return [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]


def blocks(document: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document in their order."""
    marks: dict[str, str] = {}
    text = document.read_text()
    for part in _PARTS.finditer(text):
        if part["mark"]:
            marks[part["mark"]] = part["value"]
        else:
            line = text.count("\n", 0, part.start()) + 1
            yield Block(part["kind"], part["text"], line, marks)
            marks = {}


def words_in_capitals(*patterns: str) -> set[str]:
    """Return the texts in capitals in modules of `mistral_actions`: reason codes and states."""
    found: set[str] = set()
    for pattern in patterns:
        paths = list((ROOT / "mistral_actions").glob(pattern))
        assert paths, pattern
        nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text()))]
        texts = [node.value for node in nodes if isinstance(node, ast.Constant)]
        found |= {text for text in texts if isinstance(text, str) and _CODE.fullmatch(text)}
    return found


def pictures() -> dict[str, str]:
    """Return the Mermaid sources in the architecture by the names of their images."""
    text = (ROOT / "docs/architecture.md").read_text()
    pattern = r"\(images/(architecture-\w+)\.png\)\n\n```mermaid\n(.*?)^```$"
    return dict(re.findall(pattern, text, re.MULTILINE | re.DOTALL))


def readme_block(kind: str) -> Block:
    """Return the only block of a kind in the README."""
    (found,) = (block for block in blocks(ROOT / "README.md") if block.kind == kind)
    return found
