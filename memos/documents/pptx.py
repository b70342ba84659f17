"""PowerPoint presentations as Markdown: a heading for each slide, then its texts, tables and notes."""

import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from memos.documents.archive import check_archive
from memos.documents.limits import DocumentLimits
from memos.documents.plain import join_lines
from memos.errors import InvalidRequest

if TYPE_CHECKING:
    from pptx.presentation import Presentation
    from pptx.slide import Slide


def convert_pptx(content: bytes, limits: DocumentLimits) -> str:
    """The presentation's text. Raises InvalidRequest."""
    check_archive(content, max_unpacked_bytes=limits.max_unpacked_bytes)
    return join_lines(_lines(_open(content)), max_chars=limits.max_chars)


def _open(content: bytes) -> "Presentation":
    from pptx import Presentation
    from pptx.exc import PythonPptxError

    try:
        return Presentation(io.BytesIO(content))
    except (BadZipFile, KeyError, PythonPptxError, ValueError) as error:
        raise InvalidRequest(f"cannot be read as a PowerPoint presentation: {error}") from None


def _lines(presentation: "Presentation") -> Iterator[str]:
    for number, slide in enumerate(presentation.slides, 1):
        title = slide.shapes.title
        named = " ".join(title.text_frame.text.split()) if title is not None else ""
        yield f"## Slide {number}: {named}" if named else f"## Slide {number}"
        yield ""
        yield from _shape_lines(slide.shapes, without=title)
        yield from _notes_lines(slide)


def _shape_lines(shapes: Iterable[Any], *, without: Any = None) -> Iterator[str]:
    for shape in shapes:
        if without is not None and shape.shape_id == without.shape_id:
            continue
        if hasattr(shape, "shapes"):  # a group
            yield from _shape_lines(shape.shapes)
        elif shape.has_text_frame:
            yield from _paragraph_lines(shape.text_frame)
        elif getattr(shape, "has_table", False):
            yield from _table_lines(shape.table)


def _paragraph_lines(text_frame: Any) -> Iterator[str]:
    for paragraph in text_frame.paragraphs:
        text = " ".join(paragraph.text.split())
        if text:
            yield text
            yield ""


def _table_lines(table: Any) -> Iterator[str]:
    for row in table.rows:
        yield f"| {' | '.join(' '.join(cell.text.split()) for cell in row.cells)} |"
    yield ""


def _notes_lines(slide: "Slide") -> Iterator[str]:
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        yield from _paragraph_lines(slide.notes_slide.notes_text_frame)
