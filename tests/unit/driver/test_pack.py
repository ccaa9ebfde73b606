import pathlib
import subprocess
import sys
import sysconfig

import pytest

from driver.text.problems import Place
from driver.workbooks import files

WORKBOOK = """\
version: '2.0'
name: recovery.example
description: An example.
workflows:
  greet:
    tasks:
      say_hello:
        action: std.echo output='hello'
"""


def write(directory: pathlib.Path, text: str, name: str = "recovery.example.yaml") -> pathlib.Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_checkout_finds_its_own_workbooks():
    checkout = pathlib.Path(files.__file__).parents[2]
    assert files.find_workbooks() == checkout / "workbooks"


@pytest.mark.parametrize("where", ["data", "prefix", "user", "target"])
def test_an_installed_pack_finds_the_workbooks_below_its_prefix(where, tmp_path, monkeypatch):
    """Wheels put them below the data path, the prefix, the user base or beside the packages."""
    package = tmp_path / "lib"
    roots = {name: tmp_path / name for name in ("data", "prefix", "user")} | {"target": package}
    monkeypatch.setattr(files, "__file__", str(package / "driver" / "workbooks" / "files.py"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(roots[name]))
    monkeypatch.setattr(sys, "prefix", str(roots["prefix"]))
    monkeypatch.setattr(files.site, "getuserbase", lambda: str(roots["user"]))
    installed = roots[where] / "share" / "mistral-recovery" / "workbooks"
    installed.mkdir(parents=True)
    write(installed, WORKBOOK)
    assert files.find_workbooks() == installed


def test_a_foreign_directory_called_workbooks_is_not_taken_for_the_packs(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "__file__", str(tmp_path / "driver" / "workbooks" / "files.py"))
    monkeypatch.setattr(files, "_SHARE", pathlib.Path("share", "nobody-has-this"))
    (tmp_path / "workbooks").mkdir()
    write(tmp_path / "workbooks", "a: 1\n", "notes.yaml")
    with pytest.raises(files.InvalidWorkbooksError, match="not installed here"):
        files.find_workbooks()


def test_a_workbook_is_read_with_the_full_names_of_its_workflows(tmp_path):
    path = write(tmp_path, WORKBOOK)
    (book,) = files.read_workbooks(tmp_path)
    assert (book.name, book.path, book.text) == ("recovery.example", path, WORKBOOK)
    assert list(book.workflows) == ["recovery.example.greet"]
    assert book.definition["description"] == "An example."


def test_workbooks_are_read_in_the_order_of_their_names(tmp_path):
    for name in ("recovery.b", "recovery.a"):
        write(tmp_path, WORKBOOK.replace("recovery.example", name), f"{name}.yaml")
    assert [book.name for book in files.read_workbooks(tmp_path)] == ["recovery.a", "recovery.b"]


def test_an_empty_directory_is_refused(tmp_path):
    with pytest.raises(files.InvalidWorkbooksError, match="no workbook"):
        files.read_workbooks(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("version: '2.0'\nname: [a\n", 3, "broken YAML"),
        ("a: 1\nb: 2: 3\n", 2, "mapping values are not allowed"),
        ("a: \x00\n", 0, "broken YAML"),
        ("- a\n- b\n", 1, "no YAML mapping"),
        (WORKBOOK.replace("'2.0'", "'1.0'"), 1, "version"),
        (WORKBOOK.replace("recovery.example", "recovery.other"), 2, "'recovery.other'"),
        ("version: '2.0'\nname: recovery.example\nworkflows:\n", 3, "has workflows"),
        ("version: '2.0'\nname: recovery.example\nworkflows:\n  a: 1\n", 3, "workflow a"),
    ],
)
def test_a_file_that_is_no_workbook_is_refused_with_file_and_line(text, line, reason, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(files.InvalidWorkbooksError, match=reason) as caught:
        files.read_workbooks(tmp_path)
    (problem,) = caught.value.problems
    assert problem.place == Place(str(path), line)
    assert str(caught.value).startswith(f"{path}:{line}: " if line else f"{path}: ")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "recovery.example.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(files.InvalidWorkbooksError, match="cannot be read"):
        files.read_workbooks(tmp_path)


def test_reading_workbooks_needs_no_mistral():
    """The driver runs where no Mistral engine is installed."""
    code = (
        "import sys, driver.workbooks.files, driver.workbooks.lint;"
        "print([n for n in sys.modules if n == 'mistral' or n.startswith('mistral.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
