"""The documents of a directory, since ``doc_path`` may name one."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from memos.documents.files import parts_below, resolve_root
from memos.documents.kinds import KINDS
from memos.errors import InvalidRequest

MAX_DOCUMENTS: Final = 1000


def list_documents(path: str | Path, *, root: Path) -> list[str]:
    """The documents that ``path`` names, as paths below ``root``: itself, or of a directory all below it, sorted.

    A directory's documents are those of a known type; links and hidden names are left out. Whether a file can be read
    is not looked at here. Raises AccessDenied for what is not below ``root``, InvalidRequest for a directory without
    documents or with more than MAX_DOCUMENTS.
    """
    base = resolve_root(root)
    named = base.joinpath(*parts_below(base, path))
    if not named.is_dir():
        return [named.relative_to(base).as_posix()]
    found = [file.relative_to(base).as_posix() for file in islice(_walk(named), MAX_DOCUMENTS + 1)]
    if not found:
        raise InvalidRequest(f"directory {str(path)!r:.200} holds no document; known types: {', '.join(sorted(KINDS))}")
    if len(found) > MAX_DOCUMENTS:
        raise InvalidRequest(f"directory {str(path)!r:.200} holds more than {MAX_DOCUMENTS:,} documents; split it")
    return sorted(found)


def _walk(directory: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(folder, name) for name in sorted(names) if not name.startswith("."))
        yield from (file for file in files if file.suffix.lower() in KINDS and not file.is_symlink())
