"""Hits within a bound of tokens. Pure."""

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

# Tokenizers of language models make a token of about four bytes of English, and of about three of other languages.
BYTES_PER_TOKEN: Final = 3

T = TypeVar("T")


def estimate_tokens(text: str) -> int:
    """How many tokens a text has, rather too many than too few: every model has another tokenizer."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def pack(items: Iterable[T], text_of: Callable[[T], str], *, max_tokens: int | None) -> list[T]:
    """The items whose texts fit together, in order; one that does not fit is skipped, and a shorter one may follow.

    All of them, where there is no bound.
    """
    if max_tokens is None:
        return list(items)
    packed: list[T] = []
    left = max_tokens
    for item in items:
        size = estimate_tokens(text_of(item))
        if size <= left:
            packed.append(item)
            left -= size
    return packed
