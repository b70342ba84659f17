"""From a file to its text.

path ──> below the root? ──> within the size? ──> what its name says? ──> converted apart ──> Document
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from memos.documents.files import read_below
from memos.documents.isolated import convert_apart
from memos.documents.kinds import Kind, check_content, find_kind
from memos.documents.limits import DocumentLimits
from memos.documents.plain import clean_text, decode_text, too_long
from memos.errors import InvalidConfig, InvalidRequest

_DEFAULT: Final = DocumentLimits()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document's text. ``name`` is its path below the root; size and digest are those of the file."""

    name: str
    media_type: str
    text: str
    size_bytes: int
    sha256: str


def load_document(path: str | Path, *, root: Path, limits: DocumentLimits = _DEFAULT) -> Document:
    """The text of a txt, md, html, json, pdf, docx or pptx file below ``root``; Markdown where it has a structure.

    A relative path starts at ``root``. Raises AccessDenied for what is not below it, there or not; NotFound;
    InvalidRequest, naming the document and the reason, for one that is too large, damaged, encrypted, empty, or not
    what its name says; InvalidConfig when the packages for its type are not installed.
    """
    name, content = read_below(path, root=root, max_bytes=limits.max_bytes)
    kind = find_kind(name)
    check_content(name, kind, content)
    _require(name, kind.needs)
    try:
        text = _convert(kind, content, limits)
    except InvalidRequest as error:
        raise InvalidRequest(f"document {name!r} {error}") from None
    digest = sha256(content).hexdigest()
    return Document(name=name, media_type=kind.media_type, text=text, size_bytes=len(content), sha256=digest)


def _convert(kind: Kind, content: bytes, limits: DocumentLimits) -> str:
    found = convert_apart(kind.converter, content, limits) if kind.converter else decode_text(content)
    text = clean_text(found)
    if not text:
        raise InvalidRequest("holds no text")
    if len(text) > limits.max_chars:
        raise too_long(limits.max_chars)
    return text


def _require(name: str, modules: Sequence[str]) -> None:
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InvalidConfig(
            f"document {name!r} needs {', '.join(missing)}; install it with: pip install 'memos[documents]'"
        )
