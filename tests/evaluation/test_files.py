"""Files of results: the old content survives every failure, and sections replace themselves alone."""

import json
import os

import pytest

from fastact.evaluation import files

pytestmark = pytest.mark.once

TITLE = "Made"
BEGIN, END = "<!-- begin: One -->", "<!-- end: One -->"


def write(path, name, text, **kwargs):
    files.write_section(path, name, text, title=TITLE, **kwargs)


# Writing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [{"x": float("nan")}, {"x": object()}])
def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path, content):
    path = tmp_path / "a.json"
    files.write_json(path, {"old": 1})
    with pytest.raises((ValueError, TypeError)):
        files.write_json(path, content)
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("No space left on device")))
    with pytest.raises(OSError, match="No space"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_mode_and_links_stay(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link"
    files.write_text(path, "old")
    path.chmod(0o640)
    link.symlink_to(path)
    files.write_text(link, "new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_devices_are_written_directly():
    files.check_writable(files.Path(os.devnull))
    files.write_text(files.Path(os.devnull), "nothing")
    assert not files.Path(os.devnull).is_file()


@pytest.mark.parametrize("name", ["no/such/folder/file", "."])
def test_paths_are_checked(tmp_path, name):
    with pytest.raises(OSError, match="expected a file in a folder that exists"):
        files.check_writable(tmp_path / name)


def test_errors_name_the_path_that_was_given(tmp_path):
    """Not the temporary file beside it, whose name is longer."""
    path = tmp_path / ("n" * 250)
    with pytest.raises(OSError, match="File name too long") as caught:
        files.write_json(path, {})
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("content", ["", "[]", '{"a": ', "\xff", "[" * 100_000])
def test_other_files_are_no_json(tmp_path, content):
    path = tmp_path / "old.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"old\.json'"):
        files.read_json(path)
    with pytest.raises(ValueError, match=r"absent\.json'"):
        files.read_json(tmp_path / "absent.json")


# Sections ------------------------------------------------------------------------------------------


def test_a_section_replaces_itself_and_nothing_else(tmp_path):
    path = tmp_path / "made.md"
    for name, text in (("One", "first"), ("Two", "second"), ("One", r"third \1 $&")):
        write(path, name, text)
    written = path.read_text()
    assert written.startswith("# Made\n")
    assert "first" not in written
    places = [written.index(part) for part in ("## One", r"third \1 $&", "## Two", "second")]
    assert places == sorted(places)
    assert written.count("## One") == written.count(BEGIN) == 1


def test_the_text_around_sections_stays(tmp_path):
    path = tmp_path / "made.md"
    path.write_bytes(b"# Mine\r\n\r\nBefore.\r\n")
    write(path, "One", "first")
    with path.open("ab") as file:
        file.write(b"\nAfter.\r\n")
    write(path, "One", "second")
    written = path.read_bytes()
    for expected in (b"# Mine\r\n\r\nBefore.\r\n", b"second", b"\nAfter.\r\n"):
        assert expected in written


def test_a_new_section_comes_before_others(tmp_path):
    path = tmp_path / "made.md"
    for name in ("One", "Two"):
        write(path, name, "text")
    write(path, "Summary", "short", before=["Two", "One", "Three"])
    written = path.read_text()
    assert written.index("short") < written.index(BEGIN)
    write(path, "Summary", "new", before=["Two"])  # it stays where it is
    assert path.read_text() == written.replace("short", "new")


@pytest.mark.parametrize(
    "damaged",
    [
        f"{BEGIN}\ntext\n",
        f"text\n{END}\n",
        f"{END}\ntext\n{BEGIN}\n",
        f"{BEGIN}\ntext\n{BEGIN}\ntext\n{END}\n",
        f"{BEGIN}\ntext\n{END}\ntext\n{END}\n",
        f"{BEGIN}\ntext\n<!-- begin: Two -->\n{END}\n<!-- end: Two -->\n",
        f"text {BEGIN}\ntext\n{END}\n",
    ],
)
def test_damaged_markers_are_refused(tmp_path, damaged):
    path = tmp_path / "made.md"
    path.write_text(damaged)
    for refused in (lambda: write(path, "One", "new"), lambda: files.check_sections(path, ["Two", "One"])):
        with pytest.raises(
            ValueError, match=r"made\.md' is left as it is: the markers of the section 'One'|'Two'"
        ):
            refused()
    assert path.read_text() == damaged
