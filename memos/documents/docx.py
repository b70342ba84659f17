"""Word documents as Markdown: headings, paragraphs, lists and tables, in order.

Headers, footers, footnotes, comments and text boxes are left out.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile

from memos.documents.archive import check_archive
from memos.documents.limits import DocumentLimits
from memos.documents.plain import join_lines
from memos.errors import InvalidRequest

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_HEADING: Final = re.compile(r"Heading (?P<level>[1-9])$")
_DEEPEST: Final = 6


def convert_docx(content: bytes, limits: DocumentLimits) -> str:
    """The document's text. Raises InvalidRequest."""
    check_archive(content, max_unpacked_bytes=limits.max_unpacked_bytes)
    return join_lines(_lines(_open(content)), max_chars=limits.max_chars)


def _open(content: bytes) -> "Document":
    from docx import Document
    from docx.opc.exceptions import OpcError

    try:
        return Document(io.BytesIO(content))
    except (BadZipFile, KeyError, OpcError, ValueError) as error:
        raise InvalidRequest(f"cannot be read as a Word document: {error}") from None


def _lines(document: "Document") -> Iterator[str]:
    from docx.text.paragraph import Paragraph

    for part in document.iter_inner_content():
        if isinstance(part, Paragraph):
            yield from _paragraph_lines(part)
        else:
            yield from _table_lines(part)


def _paragraph_lines(paragraph: "Paragraph") -> Iterator[str]:
    text = paragraph.text.strip()
    if not text:
        return
    style = paragraph.style.name if paragraph.style is not None else None
    yield _marked(" ".join(text.split()), style or "") if style else text
    yield ""


def _marked(text: str, style: str) -> str:
    heading = _HEADING.match(style)
    if heading is not None or style == "Title":
        return f"{'#' * min(int(heading['level']) if heading else 1, _DEEPEST)} {text}"
    return f"- {text}" if style.startswith("List") else text


def _table_lines(table: "Table") -> Iterator[str]:
    for row in table.rows:
        # A cell that spans several columns comes once for each.
        texts = [" ".join(cell.text.split()) for cell in dict.fromkeys(row.cells)]
        yield f"| {' | '.join(texts)} |"
    yield ""
