"""What is no document, or more than one may be, is refused with the reason."""

import json
import zipfile
from pathlib import Path

import pytest

from memos.documents.convert import load_document
from memos.documents.limits import DocumentLimits
from memos.errors import InvalidRequest
from tests.unit.documents.making import encrypt_pdf, make_bomb, make_deep_docx, make_docx, make_pdf, make_pptx, put


def refused(root: Path, name: str, content: bytes | str, limits: DocumentLimits | None = None) -> str:
    put(root, name, content)
    with pytest.raises(InvalidRequest) as caught:
        load_document(name, root=root, limits=limits or DocumentLimits())
    assert repr(name) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b" \n\t ", "holds no text"),
        ("a.txt", b"\x7fELF\x02\x01", "is a program, not text/plain"),
        ("a.txt", b"MZ\x90\x00\x03", "is binary, not text/plain"),
        ("a.txt", b"a" * 2000 + b"\x00", "is binary: it has a NUL character at position 2,000"),
        ("a.txt", b"gr\xfc\xdfe", "is not valid UTF-8 at byte 2"),
        ("a.md", make_pdf("x"), "is a PDF, not text/markdown"),
        ("a.html", b"\x89PNG\r\n", "is a PNG image, not text/html"),
        ("a.json", b'{"a": ', "is not valid JSON"),
        ("a.json", b"[" * 100_000, "is nested too deeply"),
        ("a.json", b"{}", "holds no text"),
        ("a.pdf", b"Only text.", "is something else, not application/pdf"),
        ("a.pdf", b"%PDF-1.7\ngarbage", "is damaged and cannot be converted"),
        ("a.pdf", make_pdf("", ""), "holds no text; if its pages are pictures"),
        ("a.docx", make_pdf("x"), "is a PDF, not application/vnd"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "is an Office document that is encrypted"),
        ("a.docx", make_docx()[:-200], "is damaged: it is no complete zip archive"),
        ("a.docx", make_pptx(), "cannot be read as a Word document"),
        ("a.pptx", make_docx(), "cannot be read as a PowerPoint presentation"),
        ("a.exe", b"MZ", r"cannot read .exe; known: .docx, .htm"),
        ("README", b"text", "cannot read a name without extension"),
    ],
)
def test_what_is_not_what_it_seems_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    assert reason in refused(tmp_path, name, content)


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_that_needs_a_password_is_refused(tmp_path: Path, algorithm: str) -> None:
    locked = encrypt_pdf(make_pdf("Secret."), user_password="open sesame", algorithm=algorithm)
    assert "is encrypted; save it without a password" in refused(tmp_path, "a.pdf", locked)


def test_an_encrypted_member_of_an_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(make_docx())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 8] |= 1
    assert "is encrypted" in refused(tmp_path, "a.docx", bytes(content))


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    bomb = make_bomb(size_bytes=300_000_000)
    assert len(bomb) < 500_000
    assert "unpacks to 300," in refused(tmp_path, "a.docx", bomb)


def test_an_archive_may_unpack_to_as_much_as_the_limit_says(tmp_path: Path) -> None:
    bomb = make_bomb(size_bytes=1_000_000)
    limits = DocumentLimits(max_unpacked_bytes=900_000)
    assert "the limit is 900,000" in refused(tmp_path, "a.docx", bomb, limits)
    assert load_document("a.docx", root=tmp_path).text.startswith("# Handbook")


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        for number in range(10_001):
            archive.writestr(str(number), b"")
    assert "holds 10,001 files" in refused(tmp_path, "a.docx", (tmp_path / "a.docx").read_bytes())


def test_a_parser_that_fails_takes_nobody_with_it(tmp_path: Path) -> None:
    assert "is damaged and cannot be converted" in refused(tmp_path, "a.docx", make_deep_docx(depth=100_000))
    deep = "<div>" * 50_000 + "x"
    assert "is damaged and cannot be converted (RecursionError" in refused(tmp_path, "a.html", deep)


def test_conversion_ends_when_its_time_is_over(tmp_path: Path) -> None:
    limits = DocumentLimits(timeout_s=0.001)
    assert "takes more than 0.001 s to convert" in refused(tmp_path, "a.json", "[1]", limits)


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux bounds the memory of a process")
def test_conversion_ends_when_it_takes_too_much_memory(tmp_path: Path) -> None:
    many = json.dumps(["x"] * 500_000)
    limits = DocumentLimits(max_memory_bytes=60_000_000)
    assert "needs more memory" in refused(tmp_path, "a.json", many, limits)
    assert load_document("a.json", root=tmp_path).text.count("\n") == 499_999


def test_a_file_may_be_as_large_as_the_limit_says(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "0123456789")
    assert load_document("a.txt", root=tmp_path, limits=DocumentLimits(max_bytes=10)).size_bytes == 10
    assert "more than 9 bytes" in refused(tmp_path, "a.txt", "0123456789", DocumentLimits(max_bytes=9))


@pytest.mark.parametrize("name", ["a.txt", "a.json"])
def test_a_text_may_be_as_long_as_the_limit_says(tmp_path: Path, name: str) -> None:
    limits = DocumentLimits(max_chars=12)
    put(tmp_path, name, '"0123456789"')
    assert len(load_document(name, root=tmp_path, limits=limits).text) == 12
    assert "more than 12 characters" in refused(tmp_path, name, '"0123456789+"', limits)


def test_a_short_json_that_asks_for_long_paths_is_refused(tmp_path: Path) -> None:
    content = json.dumps({"k" * 100_000: list(range(100_000))})
    assert "more than 10,000,000 characters" in refused(tmp_path, "a.json", content)
