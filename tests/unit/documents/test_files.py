"""Only what lies below the root is read, whatever the path says."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.documents.files import read_below
from memos.errors import AccessDenied, InvalidConfig, InvalidRequest, NotFound
from tests.unit.documents.making import put


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a document, next to a secret."""
    put(tmp_path, "secret.txt", "secret")
    put(tmp_path, "root/notes/a.txt", "text")
    return tmp_path / "root"


def read(root: Path, path: str | Path) -> tuple[str, bytes]:
    return read_below(path, root=root, max_bytes=100)


def denied(root: Path, path: str | Path) -> str:
    with pytest.raises(AccessDenied) as caught:
        read(root, path)
    return str(caught.value).replace(repr(str(path)), "PATH")


def test_a_relative_path_starts_at_the_root_and_an_absolute_one_is_itself(root: Path) -> None:
    assert read(root, "notes/a.txt") == ("notes/a.txt", b"text")
    assert read(root, root / "notes" / "a.txt") == ("notes/a.txt", b"text")
    assert read(root, "notes/../notes/./a.txt") == ("notes/a.txt", b"text")


def test_what_lies_outside_is_denied_in_the_same_words_whether_it_exists_or_not(root: Path) -> None:
    paths = ["../secret.txt", "../nothing.txt", root.parent / "secret.txt", "/etc/passwd", "/no/such/file", ".."]
    assert {denied(root, path) for path in paths} == {
        "document path PATH is not below documents_root; put the document there"
    }


def test_a_root_whose_name_begins_another_name_does_not_open_that(root: Path) -> None:
    put(root.parent, "root-of-others/a.txt", "theirs")
    denied(root, root.parent / "root-of-others" / "a.txt")


def test_a_link_out_of_the_root_is_denied(root: Path) -> None:
    (root / "file.txt").symlink_to(root.parent / "secret.txt")
    (root / "folder").symlink_to(root.parent)
    (root / "gone.txt").symlink_to(root.parent / "nothing.txt")
    assert {denied(root, path) for path in ("file.txt", "folder/secret.txt", "gone.txt", "folder/nothing.txt")} == {
        "document path PATH is not below documents_root; put the document there"
    }


def test_a_link_that_stays_inside_is_followed(root: Path) -> None:
    (root / "link.txt").symlink_to("notes/a.txt")
    assert read(root, "link.txt") == ("notes/a.txt", b"text")


def test_the_root_itself_may_be_reached_by_a_link(root: Path) -> None:
    (root.parent / "linked").symlink_to(root)
    assert read(root.parent / "linked", root.parent / "linked" / "notes" / "a.txt") == ("notes/a.txt", b"text")


def test_a_circle_of_links_leads_nowhere(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    with pytest.raises((AccessDenied, InvalidRequest)):
        read(root, "one")


@pytest.mark.parametrize("path", ["nothing.txt", "nowhere/a.txt", "notes/a.txt/b.txt"])
def test_a_missing_document_below_the_root_is_not_found(root: Path, path: str) -> None:
    with pytest.raises(NotFound, match="no document"):
        read(root, path)


@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_refused_without_waiting(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe.txt")
    monkeypatch.chdir(root)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.txt")
        for path in ("pipe.txt", "socket.txt", "notes", "."):
            with pytest.raises(InvalidRequest, match=r"not a regular file|cannot be opened|itself"):
                read(root, path)


def test_a_path_that_no_file_can_have_is_refused(root: Path) -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        read(root, "a\x00.txt")
    with pytest.raises(InvalidRequest, match="cannot be opened"):
        read(root, "a" * 300)


def test_a_file_may_have_max_bytes_and_no_more(root: Path) -> None:
    assert read_below("notes/a.txt", root=root, max_bytes=4)[1] == b"text"
    with pytest.raises(InvalidRequest, match="more than 3 bytes"):
        read_below("notes/a.txt", root=root, max_bytes=3)


@pytest.mark.skipif("os.geteuid() == 0", reason="the superuser may read everything")
def test_a_file_without_permission_is_denied(root: Path) -> None:
    (root / "notes" / "a.txt").chmod(0)
    with pytest.raises(AccessDenied, match="may not be read"):
        read(root, "notes/a.txt")


@pytest.mark.parametrize("name", ["nowhere", "notes/a.txt"])
def test_a_root_that_is_no_directory_is_a_wrong_configuration(root: Path, name: str) -> None:
    with pytest.raises(InvalidConfig, match="documents_root"):
        read(root / name, "a.txt")


def test_a_directory_that_becomes_a_link_meanwhile_leads_nowhere(root: Path) -> None:
    put(root.parent, "outside/a.txt", "secret")
    found: list[bytes] = []
    with _swapping(root / "notes", root.parent / "outside"):
        for _ in range(3000):
            with contextlib.suppress(AccessDenied, InvalidRequest, NotFound):
                found.append(read(root, "notes/a.txt")[1])
    assert set(found) == {b"text"}


def test_no_file_stays_open(root: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    read(root, "notes/a.txt")
    for path in ("notes", "nothing", "notes/nothing/b"):
        with pytest.raises((InvalidRequest, NotFound)):
            read(root, path)
    assert len(os.listdir("/dev/fd")) == before


@contextlib.contextmanager
def _swapping(directory: Path, target: Path) -> Iterator[None]:
    """``directory`` is now itself and now a link to ``target``, as fast as that goes."""
    aside, link, over = directory.with_name("aside"), directory.with_name("link"), threading.Event()

    def swap() -> None:
        while not over.is_set():
            link.symlink_to(target)
            directory.rename(aside)
            link.rename(directory)
            directory.unlink()
            aside.rename(directory)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
