"""Where a message of a document is from, in the place where other messages have their speaker.

    guides/handbook.pdf#char=1024,3100      characters 1024 to 3100 of the document's text (RFC 5147)

So sources show it wherever they are shown, and the span can be read back from it.
"""

import re
from dataclasses import dataclass
from typing import Final

MAX_NAME_CHARS: Final = 96
_ORIGIN: Final = re.compile(r"(?P<name>.+)#char=(?P<start>\d{1,12}),(?P<end>\d{1,12})", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """A part of a document's text."""

    name: str
    start: int
    end: int

    def __str__(self) -> str:
        """As a speaker; of a long name the end is kept, and what cannot be shown becomes a question mark."""
        shown = "".join(letter if letter.isprintable() else "?" for letter in self.name)
        name = shown if len(shown) <= MAX_NAME_CHARS else f"…{shown[1 - MAX_NAME_CHARS :]}"
        return f"{name}#char={self.start},{self.end}"


def find_origin(speaker: str) -> Origin | None:
    """The origin that a speaker names, or None for any other speaker."""
    match = _ORIGIN.fullmatch(speaker)
    if match is None:
        return None
    return Origin(name=match["name"], start=int(match["start"]), end=int(match["end"]))
