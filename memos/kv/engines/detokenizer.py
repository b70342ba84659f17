"""Token ids to text, piece by piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

Decode = Callable[[Sequence[int]], str]

_INCOMPLETE: Final = "\ufffd"


def detokenize(tokens: Iterable[int], decode: Decode) -> Iterator[str]:
    """Text as soon as it is certain; the pieces joined are the decoding of all tokens. No piece is empty.

    A character whose bytes come in several tokens is held back until it is whole. Only the last few tokens are
    decoded again for each new one, so the cost does not grow with the answer.
    """
    pending: list[int] = []  # tokens of the last piece, which decide about spaces, and those not yet shown
    shown = 0
    for token in tokens:
        pending.append(token)
        before, text = decode(pending[:shown]), decode(pending)
        if len(text) > len(before) and not text.endswith(_INCOMPLETE):
            yield text[len(before) :]
            pending, shown = pending[shown:], len(pending) - shown
    rest = decode(pending)[len(decode(pending[:shown])) :]
    if rest:
        yield rest
