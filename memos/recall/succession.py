"""Of what somebody said of one thing at several times, the last first. Pure.

A state that can have but one value (home city, job, diet, favourite film; of whom, says the key) is what was said of it
last. Memories of one speaker whose keys name the same such thing change places, so that the newest stands where the
best of them stood; nothing else moves, and nothing is left out. What a reader could tell for certain, it has told
already (memos/organize/revise.py); this needs no certainty, as it takes nothing away.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from memos.recall.fuse import Candidate, Key
from memos.types import Memory

# Last words of keys (memos/mem_reader/subjects.py) that name what has one value at a time.
_SINGLE: Final = ("home city", "job", "birthday", "age", "diet", "marriage", "car", "phone", "name")
_FAVOURITE: Final = "favourite "


def put_newest_first(ranked: Sequence[Candidate], memories: Mapping[Key, Memory]) -> list[Candidate]:
    """The same candidates; where several tell one state, the newest takes the place and the score of the best.

    What that adds to its score is its part ``succession``.
    """
    told: defaultdict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    for place, item in enumerate(ranked):
        memory = memories[item.key]
        if is_state(memory.key):
            told[memory.cube, memory.user, memory.speaker, memory.key].append(place)
    moved = list(ranked)
    for places in told.values():
        newest = max(places, key=lambda place: (memories[ranked[place].key].said_at_ms, -place))
        _lift(moved, ranked[newest], ranked[places[0]])
    return moved


def is_state(key: str) -> bool:
    """Whether a memory with this key tells something that has one value at a time."""
    return key.startswith(_FAVOURITE) or any(key == name or key.endswith(f" {name}") for name in _SINGLE)


def _lift(moved: list[Candidate], newest: Candidate, best: Candidate) -> None:
    if newest is best:
        return
    moved.remove(newest)
    by = best.score - newest.score
    parts = {**newest.parts, "succession": by} if by > 0 else newest.parts
    moved.insert(moved.index(best), Candidate(key=newest.key, parts=parts))
