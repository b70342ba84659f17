"""The last step of a search: which of the ranked memories make the answer. Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from memos.recall.budget import pack
from memos.recall.diversity import choose_diverse, count_pool
from memos.recall.options import SearchOptions


class Scored(Protocol):
    """Something with a place in a ranking."""

    @property
    def score(self) -> float: ...


S = TypeVar("S", bound=Scored)


def count_ranked(top_k: int, options: SearchOptions) -> int:
    """How many of the best it takes to choose ``top_k``."""
    return top_k if options.mmr is None else count_pool(top_k)


def choose(ranked: Sequence[S], texts: Sequence[str], *, top_k: int, options: SearchOptions) -> list[S]:
    """Up to ``top_k`` of them, as different as the options want them, whose texts fit the options' bound of tokens."""
    places: Sequence[int] = range(min(top_k, len(ranked)))
    if options.mmr is not None:
        places = choose_diverse([item.score for item in ranked], texts, balance=options.mmr, top_k=top_k)
    packed = pack(places, lambda place: texts[place], max_tokens=options.max_tokens)
    return [ranked[place] for place in packed]
