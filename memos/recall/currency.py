"""Whether a question asks for what holds now, and what that adds to a memory. Pure.

    "Where does Ana live?"         now: what was said lately counts more, and more yet if it says that something changed
    "Where did Ana live in 2023?"  not now: recency only decides between what matches equally (fuse.py)

Only the HEAD candidates that match best are put in another order by it: what was said lately of something else is no
better an answer for that. In English; a question in another language is taken for one that does not ask for now. The
weights and HEAD were chosen so that the three LoCoMo conversations of docs/recall.md lose nothing by them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from memos.recall.fuse import DEFAULT_WEIGHTS, Candidate, Key, add_recency
from memos.types import Memory

CURRENT: Final = replace(DEFAULT_WEIGHTS, recency=1.5)
CHANGE: Final = 1.0
HEAD: Final = 10

_NOW: Final = re.compile(r"\b(?:is|are|am|does|do|what['’]s|who['’]s|where['’]s)\b", re.IGNORECASE)
_NOT_NOW: Final = re.compile(
    r"\b(?:did|was|were|had|has|have|been|used to|before|ago|last|first|previous\w*|former\w*|ever|earlier"
    r"|originally|once|would|will|might|could|likely|planning|going to|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
# "For six years now" tells no change.
_CHANGED: Final = re.compile(
    r"\b(?:(?<!years )(?<!months )(?<!weeks )(?<!days )now|nowadays|these days|any ?more|no longer|instead|from now on"
    r"|since|currently|lately|recently|at last|finally|chang\w+|switch\w+|swapp\w+|mov(?:ed|ing)|left|quit|new|again"
    r"|this (?:week|month|year|season|winter|summer|spring|autumn|quarter))\b",
    re.IGNORECASE,
)


def asks_for_now(question: str) -> bool:
    """Whether the question is in the present tense and about no other time."""
    return _NOW.search(question) is not None and _NOT_NOW.search(question) is None


def tells_change(text: str) -> bool:
    """Whether a statement says that something is otherwise than before."""
    return _CHANGED.search(text) is not None


def add_currency(candidates: Sequence[Candidate], memories: Mapping[Key, Memory], question: str) -> list[Candidate]:
    """Re-rank the best HEAD by recency, and for a question about now by whether a memory tells a change (``change``).

    The others stay behind them. Takes the candidates best first.
    """
    head, others = candidates[:HEAD], candidates[HEAD:]
    if not asks_for_now(question):
        return [*add_recency(head, memories), *others]
    return [*add_recency([_with_change(item, memories[item.key]) for item in head], memories, CURRENT), *others]


def _with_change(item: Candidate, memory: Memory) -> Candidate:
    if not tells_change(memory.text):
        return item
    return Candidate(key=item.key, parts={**item.parts, "change": CHANGE})
