from pathlib import Path
from typing import Any

import pytest

from memos.documents.listing import MAX_DOCUMENTS, list_documents
from memos.errors import AccessDenied, InvalidRequest
from tests.unit.documents.making import put


def test_a_directory_stands_for_all_documents_below_it(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/y.PDF", "a/skip.exe", ".hidden.txt", ".git/c.txt"):
        put(tmp_path, f"in/{name}", "x")
    put(tmp_path, "elsewhere.txt", "x")
    (tmp_path / "in" / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    (tmp_path / "in" / "links").symlink_to(tmp_path)
    assert list_documents("in", root=tmp_path) == ["in/a/y.PDF", "in/a/z.md", "in/b.txt"]
    assert list_documents(".", root=tmp_path) == ["elsewhere.txt", "in/a/y.PDF", "in/a/z.md", "in/b.txt"]


@pytest.mark.parametrize("path", ["", "  ", b"a.txt", 7, ["a.txt"], None])
def test_what_is_no_path_is_refused_and_is_not_all_of_the_root(tmp_path: Path, path: Any) -> None:
    put(tmp_path, "a.txt", "x")
    with pytest.raises(InvalidRequest, match="document path must be the path of a file or directory"):
        list_documents(path, root=tmp_path)


def test_a_file_stands_for_itself_there_or_not(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "x")
    assert list_documents(tmp_path / "a.txt", root=tmp_path) == ["a.txt"]
    assert list_documents("nothing.txt", root=tmp_path) == ["nothing.txt"]


def test_a_directory_outside_is_denied(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(AccessDenied):
        list_documents("..", root=tmp_path / "root")


def test_a_directory_without_documents_or_with_too_many_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no document"):
        list_documents(".", root=tmp_path)
    for number in range(MAX_DOCUMENTS + 1):
        put(tmp_path, f"{number}.txt", "x")
    with pytest.raises(InvalidRequest, match="more than 1,000"):
        list_documents(".", root=tmp_path)
