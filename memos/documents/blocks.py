"""Text, Markdown or plain, as blocks with the headings above each, by their places in it.

paragraph    lines up to a blank one; its line breaks mean nothing
own line     a list item, a table row, a quotation, a line of fenced code
heading      # to ######
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

MAX_HEADING_CHARS: Final = 120

_LINE: Final = re.compile(r"[^\n]*\n?")
_FENCE: Final = re.compile(r" {0,3}(?:```|~~~)")
_HEADING: Final = re.compile(r" {0,3}(?P<marks>#{1,6})[ \t]+(?=\S)")
_OWN_LINE: Final = re.compile(r"[ \t]*(?:[-*+•][ \t]+|\d{1,9}[.)][ \t]+|\||>)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """``text[start:end]``, without white space at its ends. What is said begins at ``body``, behind a list's marker.

    ``headings`` are those above it, the outermost first; a heading is not above itself.
    """

    start: int
    body: int
    end: int
    headings: tuple[str, ...] = ()
    is_heading: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """``starts``: no paragraph goes on in it; ``ends``: nor behind it. A heading has a ``level``."""

    start: int
    body: int
    end: int
    starts: bool = False
    ends: bool = False
    level: int = 0


def split_blocks(text: str) -> Iterator[Block]:
    """The blocks of ``text``, in order; between them there is nothing but white space."""
    headings: dict[int, str] = {}
    paragraph: Block | None = None
    for line in _lines(text):
        if paragraph is not None and not line.starts:
            paragraph = replace(paragraph, end=line.end)
            continue
        if paragraph is not None:
            yield paragraph
        paragraph = None
        if line.start == line.end:
            continue
        if line.level:
            headings = {level: title for level, title in headings.items() if level < line.level}
        block = _build_block(line, headings)
        if line.level:
            headings[line.level] = _title(text[line.body : line.end])
        if line.ends:
            yield block
        else:
            paragraph = block
    if paragraph is not None:
        yield paragraph


def _build_block(line: _Line, headings: Mapping[int, str]) -> Block:
    titles = tuple(title for title in headings.values() if title)
    return Block(start=line.start, body=line.body, end=line.end, headings=titles, is_heading=line.level > 0)


def _lines(text: str) -> Iterator[_Line]:
    is_code = False
    for match in _LINE.finditer(text):
        line = match.group()
        start = match.start() + len(line) - len(line.lstrip())
        end = match.start() + len(line.rstrip())
        is_fence = _FENCE.match(line) is not None
        if start >= end:
            yield _Line(start=start, body=start, end=start, starts=True, ends=True)
        elif is_code or is_fence:
            yield _Line(start=start, body=start, end=end, starts=True, ends=True)
        else:
            yield _marked(text, match.start(), start, end)
        is_code = is_code != is_fence


def _marked(text: str, line_start: int, start: int, end: int) -> _Line:
    heading = _HEADING.match(text, line_start, end)
    if heading is not None:
        return _Line(start=start, body=heading.end(), end=end, starts=True, ends=True, level=len(heading["marks"]))
    own = _OWN_LINE.match(text, line_start, end)
    return _Line(start=start, body=start if own is None else own.end(), end=end, starts=own is not None)


def _title(text: str) -> str:
    title = " ".join(text.rstrip("#").split())
    return title if len(title) <= MAX_HEADING_CHARS else f"{title[: MAX_HEADING_CHARS - 1]}…"
