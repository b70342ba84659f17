"""Files of every type as text."""

import hashlib
from pathlib import Path

import pytest

from memos.documents.convert import load_document
from memos.errors import InvalidConfig
from tests.unit.documents.making import encrypt_pdf, make_docx, make_pdf, make_pptx, put


def text_of(root: Path, name: str, content: bytes | str) -> str:
    return load_document(put(root, name, content), root=root).text


def test_a_document_says_what_it_is(tmp_path: Path) -> None:
    content = b"# Title\r\n\r\nText.\r\n"
    found = load_document(put(tmp_path, "notes/a.MD", content), root=tmp_path)
    assert (found.name, found.media_type, found.size_bytes) == ("notes/a.MD", "text/markdown", len(content))
    assert found.text == "# Title\n\nText."
    assert found.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_in_every_unicode_encoding_that_can_be_told(tmp_path: Path, encoding: str) -> None:
    assert text_of(tmp_path, "a.txt", "Grüße aus 北京.".encode(encoding)) == "Grüße aus 北京."


def test_control_characters_are_left_out(tmp_path: Path) -> None:
    assert text_of(tmp_path, "a.txt", "one\x1b[31m two\x07\tthree") == "one[31m two\tthree"


def test_a_pdf_gives_its_pages_in_order(tmp_path: Path) -> None:
    assert text_of(tmp_path, "a.pdf", make_pdf("The first page.", "The second page.")).split("\n\n") == [
        "The first page.",
        "The second page.",
    ]


def test_a_word_document_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    assert text_of(tmp_path, "a.docx", make_docx()) == (
        "# Handbook\n\n# Leave\n\nEverybody has thirty days a year. Ask early.\n\n- Sundays\n\n"
        "| Team | Days |\n| all the same |"
    )


def test_a_presentation_gives_slide_after_slide_with_notes(tmp_path: Path) -> None:
    assert text_of(tmp_path, "a.pptx", make_pptx()) == (
        "## Slide 1: Plan\n\nWe ship in May.\n\n| owner | Ana |\n\nGrouped.\n\nSpeak slowly."
    )


def test_a_page_gives_what_a_reader_sees(tmp_path: Path) -> None:
    page = """<html><head><title>Rules &amp; more</title><style>p {}</style></head><body><h2>Dogs</h2>
        <p>Keep them on a <a href="https://example.org">lead</a>.</p><script>spy()</script>
        <img src="x" alt="a dog"><ul><li>all_of *them</li></ul></body></html>"""
    assert text_of(tmp_path, "a.html", page) == ("# Rules & more\n\n## Dogs\n\nKeep them on a lead.\n\n- all_of *them")


def test_the_heading_of_a_page_stands_for_its_title(tmp_path: Path) -> None:
    page = "<head><title>Site</title></head><h1>Dogs</h1>"
    assert text_of(tmp_path, "a.htm", page) == "# Dogs"


def test_a_page_is_read_in_the_encoding_that_it_names(tmp_path: Path) -> None:
    page = '<meta charset="iso-8859-1"><p>Grüße</p>'.encode("iso-8859-1")
    assert text_of(tmp_path, "a.html", page) == "Grüße"


def test_every_value_of_json_is_a_line_behind_its_path(tmp_path: Path) -> None:
    value = '{"user": {"name": "Ana", "height": 1.70, "tags": ["a\\nb", null, true]}, "none": {}, "n": 1' + "0" * 5000
    lines = text_of(tmp_path, "a.json", f"{value}}}").split("\n")
    assert lines[:5] == [
        "- user.name: Ana",
        "- user.height: 1.70",
        "- user.tags[0]: a b",
        "- user.tags[1]: null",
        "- user.tags[2]: true",
    ]
    assert lines[5] == "- n: 1" + "0" * 5000
    assert text_of(tmp_path, "b.json", '"alone"') == "- alone"


def test_a_pdf_that_only_forbids_changes_is_read(tmp_path: Path) -> None:
    assert text_of(tmp_path, "a.pdf", encrypt_pdf(make_pdf("Not secret."), user_password="")) == "Not secret."


def test_ten_megabytes_of_text_are_read_whole(tmp_path: Path) -> None:
    content = ("A line of text. " * 6 + "\n") * 103_000
    assert len(text_of(tmp_path, "a.txt", content)) == len(content.strip())


def test_files_of_the_working_directory_do_not_pass_for_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "pypdf.py", "raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert text_of(tmp_path, "a.pdf", make_pdf("Safe.")) == "Safe."


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pypdf", None)
    put(tmp_path, "a.pdf", make_pdf("x"))
    with pytest.raises(InvalidConfig, match=r"'a.pdf' needs pypdf; .* 'memos\[documents\]'"):
        load_document("a.pdf", root=tmp_path)
