"""What a document is: told by its extension, and believed only if its first bytes agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from memos.errors import InvalidRequest

SNIFFED_BYTES: Final = 1024
_PDF: Final = b"%PDF-"
_ZIP: Final = b"PK\x03\x04"
# Also what Office writes when a password is set.
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SIGNATURES: Final[Mapping[bytes, str]] = {
    _PDF: "a PDF",
    _ZIP: "a zip archive or an Office document",
    _OLE: "an Office document that is encrypted or older than 2007",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a gzip archive",
    b"{\\rtf": "an RTF document",
}
_BYTE_ORDER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A type of document. ``converter`` is ``module:function`` and runs apart; without one the bytes are text.

    ``needs`` are the modules of the extra ``documents`` that it takes.
    """

    media_type: str
    converter: str = ""
    needs: tuple[str, ...] = ()
    starts: bytes = b""


_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_HTML: Final = Kind(media_type="text/html", converter="memos.documents.html:convert_html", needs=("bs4", "markdownify"))
_MARKDOWN: Final = Kind(media_type="text/markdown")
KINDS: Final[Mapping[str, Kind]] = {
    ".docx": Kind(
        media_type=f"{_OFFICE}.wordprocessingml.document",
        converter="memos.documents.docx:convert_docx",
        needs=("docx",),
        starts=_ZIP,
    ),
    ".htm": _HTML,
    ".html": _HTML,
    ".json": Kind(media_type="application/json", converter="memos.documents.json_lines:convert_json"),
    ".markdown": _MARKDOWN,
    ".md": _MARKDOWN,
    ".pdf": Kind(
        media_type="application/pdf", converter="memos.documents.pdf:convert_pdf", needs=("pypdf",), starts=_PDF
    ),
    ".pptx": Kind(
        media_type=f"{_OFFICE}.presentationml.presentation",
        converter="memos.documents.pptx:convert_pptx",
        needs=("pptx",),
        starts=_ZIP,
    ),
    ".txt": Kind(media_type="text/plain"),
}


def find_kind(name: str) -> Kind:
    """The kind that a document's name promises. Raises InvalidRequest for any that is not known."""
    extension = PurePath(name).suffix.lower()
    if extension not in KINDS:
        raise InvalidRequest(
            f"document {name!r}: cannot read {extension or 'a name without extension'}; known: "
            f"{', '.join(sorted(KINDS))}"
        )
    return KINDS[extension]


def check_content(name: str, kind: Kind, content: bytes) -> None:
    """Raises InvalidRequest for a document that is empty, or is not what its name says."""
    if not content:
        raise InvalidRequest(f"document {name!r} is empty")
    head = content[:SNIFFED_BYTES]
    if kind.starts and kind.starts in (head if kind.starts == _PDF else head[: len(kind.starts)]):
        return
    found = next((what for signature, what in _SIGNATURES.items() if head.startswith(signature)), None)
    if kind.starts or found is not None or _is_binary(head):
        raise InvalidRequest(
            f"document {name!r} is {found or _describe(head)}, not {kind.media_type}; give it its own extension"
            " or save it anew"
        )


def _is_binary(head: bytes) -> bool:
    return b"\x00" in head and not head.startswith(_BYTE_ORDER_MARKS)


def _describe(head: bytes) -> str:
    return "binary" if _is_binary(head) else "something else"
