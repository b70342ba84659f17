"""Dropping what a reasoning model thought aloud before its answer, or keeping it in one form.

A thought comes in front of the answer between tags, or beside it in a field of its own; kept, it is always in front.

start ──"<think>"──> thinking ──"</think>"──> answer
  └──── anything else ──────────────────────────^
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class _State(Enum):
    START = auto()
    THINKING = auto()
    GAP = auto()
    ANSWER = auto()


class ThinkFilter:
    """Removes one leading ``<think>...</think>`` from a stream, however the stream is cut into pieces.

    White space round the thought goes with it. A thought that never ends leaves an empty answer.
    """

    def __init__(self) -> None:
        self._state = _State.START
        self._held = ""

    def feed(self, piece: str) -> str:
        """What of the answer is certain after this piece."""
        if self._answers():
            return piece
        self._held += piece
        self._leave_start()
        self._leave_thinking()
        self._leave_gap()
        return self._held if self._answers() else ""

    def finish(self) -> str:
        """What was held back and turned out to be the answer."""
        return self._held if self._state is _State.START else ""

    def _answers(self) -> bool:
        return self._state is _State.ANSWER

    def _leave_start(self) -> None:
        if self._state is not _State.START:
            return
        begun = self._held.lstrip()
        if begun.startswith(_OPEN):
            self._state, self._held = _State.THINKING, begun[len(_OPEN) :]
        elif not _OPEN.startswith(begun):
            self._state = _State.ANSWER

    def _leave_thinking(self) -> None:
        if self._state is not _State.THINKING:
            return
        _, closed, rest = self._held.partition(_CLOSE)
        if closed:
            self._state, self._held = _State.GAP, rest
        else:
            self._held = self._held[-(len(_CLOSE) - 1) :]

    def _leave_gap(self) -> None:
        if self._state is not _State.GAP:
            return
        self._held = self._held.lstrip()
        if self._held:
            self._state = _State.ANSWER


def strip_think(text: str) -> str:
    """``text`` without its leading ``<think>...</think>``."""
    thoughts = ThinkFilter()
    return thoughts.feed(text) + thoughts.finish()


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """An answer's pieces without a leading ``<think>`` part; no piece is empty."""
    thoughts = ThinkFilter()
    yield from filter(None, (thoughts.feed(piece) for piece in pieces))
    if rest := thoughts.finish():
        yield rest


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A piece of an answer from a server that tells thoughts apart."""

    thought: str = ""
    text: str = ""


def say(parts: Iterable[Part], *, keeps_thoughts: bool) -> Iterator[str]:
    """The answer's pieces, none empty; thoughts stand in front as ``<think>...</think>`` or are dropped."""
    if keeps_thoughts:
        return _tagged(parts)
    return without_thoughts(part.text for part in parts)


def _tagged(parts: Iterable[Part]) -> Iterator[str]:
    is_open = False
    for part in parts:
        if part.thought:
            yield part.thought if is_open else f"{_OPEN}{part.thought}"
            is_open = True
        if part.text:
            yield f"{_CLOSE}{part.text}" if is_open else part.text
            is_open = False
    if is_open:
        yield _CLOSE
