"""Bytes that are text."""

import codecs
from collections.abc import Iterable
from typing import Final

from memos.errors import InvalidRequest
from memos.wellformed import without_controls

_MARKED: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode_text(content: bytes) -> str:
    """The text of ``content``: UTF-8, or UTF-16 with its mark. Raises InvalidRequest, naming the first bad byte."""
    encoding = next((name for mark, name in _MARKED if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"is not valid {encoding.upper()} at byte {error.start:,}; save it as UTF-8") from None
    if "\x00" in text:
        raise InvalidRequest(f"is binary: it has a NUL character at position {text.index(chr(0)):,}")
    return text


def clean_text(text: str) -> str:
    """``text`` with one sort of line break, and without control characters and white space at its ends."""
    return without_controls(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def join_lines(lines: Iterable[str], *, max_chars: int) -> str:
    """The lines as one text. Raises InvalidRequest as soon as it is longer than ``max_chars``."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > max_chars + 1:
            raise too_long(max_chars)
        kept.append(line)
    return "\n".join(kept)


def too_long(max_chars: int) -> InvalidRequest:
    """What to say of a text that is too long."""
    return InvalidRequest(f"holds more than {max_chars:,} characters of text; split it")
