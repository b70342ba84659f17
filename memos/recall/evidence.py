"""How two lists of candidates, and who said what where, become one ranking. Pure.

    dense      the memory's text against the question, by meaning
    text       its words, and those said around it (its message and the one before), by BM25
    session    how much of the question its whole session speaks of
    speaker    whether the one whom the question names said it
    time       whether it was said in the time that the question asks about (memos/recall/when.py)

Each list is standardised: mean 0, deviation 1. A candidate that a list lacks takes its lowest value. Of BM25, which is
0 where no word occurs, a list that is not full says 0 of all others: as many of them as it has hits are part of its
mean, so that a single word which only a few memories have is not everything. A session's evidence is the sum of its
hits in ``text``, standardised over sessions. The speaker counts where the question names just one of those who speak
in the candidates.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, pstdev
from typing import Final

from memos.ids import CubeId, MemoryId
from memos.recall.fuse import Candidate, Key, standardise
from memos.recall.when import find_windows, is_within
from memos.vec_dbs.base import IndexHit

Name = str


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceWeights:
    """The share of each part in the score, chosen on three LoCoMo conversations (docs/recall.md)."""

    dense: float = 0.7
    text: float = 0.8
    session: float = 0.4
    speaker: float = 3.0
    time: float = 2.0


DEFAULT_EVIDENCE: Final = EvidenceWeights()
_WORD: Final = re.compile(r"\w+")
# Stands for all that a list which is not full says 0 of.
_NOBODY: Final[Key] = (CubeId(""), MemoryId(""))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lists:
    """The hits of each search, best first; empty for one that was not possible. No search gives more than ``limit``."""

    limit: int
    dense: Sequence[IndexHit] = ()
    text: Sequence[IndexHit] = ()

    @property
    def hits(self) -> Iterable[IndexHit]:
        yield from self.dense
        yield from self.text

    @property
    def is_all(self) -> bool:
        """Whether there are no more: every row has a vector, so that a short list of the nearest has them all."""
        return len(self.dense or self.text) < self.limit


def weigh(lists: Lists, question: str, *, now_ms: int, weights: EvidenceWeights = DEFAULT_EVIDENCE) -> list[Candidate]:
    """The union of all lists, best first; none gates another. Ties keep the order of the keys."""
    known = {(hit.cube, hit.memory_id): hit for hit in lists.hits}
    parts = {
        "dense": _weighted(standardise(lists.dense), weights.dense, known),
        "text": _weighted(_standardise_text(lists.text, lists.limit), weights.text, known),
        "session": _weighted(_session_evidence(lists.text, known), weights.session, known),
        "speaker": _speaker_evidence(known, question, weights.speaker),
        "time": _time_evidence(known, question, now_ms, weights.time),
    }
    candidates = [
        Candidate(key=key, parts={name: values[key] for name, values in parts.items() if values})
        for key in sorted(known)
    ]
    return sorted(candidates, key=lambda item: -item.score)


def _weighted(scores: Mapping[Key, float], weight: float, known: Iterable[Key]) -> dict[Key, float]:
    """Every candidate's share of a part; none at all where nothing was found."""
    if not scores:
        return {}
    lowest = min(scores.values())
    return {key: weight * scores.get(key, lowest) for key in known}


def _standardise_text(hits: Sequence[IndexHit], limit: int) -> dict[Key, float]:
    """With a list that is not full, as many zeros as hits are part of the mean, and the others are among them."""
    if not hits or len(hits) >= limit:
        return standardise(hits)
    mean = fmean(hit.score for hit in hits) / 2
    deviation = sqrt(fmean((score - mean) ** 2 for hit in hits for score in (hit.score, 0.0)))
    found = {(hit.cube, hit.memory_id): (hit.score - mean) / deviation for hit in hits}
    return {**found, _NOBODY: -mean / deviation}


def _session_evidence(hits: Sequence[IndexHit], known: Mapping[Key, IndexHit]) -> dict[Key, float]:
    """What a session's hits add up to, for each of its candidates; several memories of one text count once."""
    told: defaultdict[str, set[float]] = defaultdict(set)
    for hit in hits:
        told[_session(hit)].add(hit.score)
    sums = {session: sum(scores) for session, scores in told.items()}
    if len(sums) < 2:
        return {}
    mean, deviation = fmean(sums.values()), pstdev(sums.values())
    scale = 1 / deviation if deviation > 1e-9 else 0.0
    return {key: (sums[_session(hit)] - mean) * scale for key, hit in known.items() if _session(hit) in sums}


def _speaker_evidence(known: Mapping[Key, IndexHit], question: str, weight: float) -> dict[Key, float]:
    speakers = {hit.speaker for hit in known.values() if hit.speaker}
    named = _named(speakers, question)
    if len(named) != 1 or len(speakers) == 1:
        return {}
    return {key: weight if hit.speaker in named else 0.0 for key, hit in known.items()}


def _time_evidence(known: Mapping[Key, IndexHit], question: str, now_ms: int, weight: float) -> dict[Key, float]:
    windows = find_windows(question, [hit.said_at_ms for hit in known.values()], now_ms=now_ms)
    if not windows:
        return {}
    return {key: weight if is_within(windows, hit.said_at_ms) else 0.0 for key, hit in known.items()}


def _named(speakers: Iterable[Name], question: str) -> set[Name]:
    """Those of the speakers of whose names a word with a capital stands in the question."""
    words = {word for word in _WORD.findall(question) if word[:1].isupper()}
    return {speaker for speaker in speakers if words & set(_WORD.findall(speaker))}


def _session(hit: IndexHit) -> str:
    return f"{hit.cube}\x1f{hit.session}"
