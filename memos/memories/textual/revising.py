"""What a batch's memories change of earlier ones: by rules, or with a judge where the rules leave something open.

subjects ──> known ──┬───────────────────────────────────────────────────────────────────────────┬──> revise
                     ├──> neighbours of what is open ──> judge ──> kept with the jobs' answers ──┤
                     └──> another attempt: what was decided upon is read ────────────────────────┘
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from memos.ids import JobId
from memos.memories.textual.neighbours import Embedded, find_neighbours
from memos.memories.textual.stores import TextStores
from memos.organize.decisions import Decision
from memos.organize.judge import Judge, find_open
from memos.organize.revise import Revised, revise, subject_of
from memos.organize.surroundings import Place
from memos.types import Memory

# What a batch is compared with by rules at most. What holds comes first, and of a subject that is seldom more than one.
_CANDIDATES: Final = 500

KeepDecisions = Callable[[Mapping[JobId, tuple[Decision, ...]]], None]
"""Stores what was decided of each job's memories before it is followed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A job's memories. ``decisions`` are those that an earlier attempt kept, if it got so far."""

    job: JobId
    memories: tuple[Memory, ...]
    decisions: tuple[Decision, ...] | None = None


class Reviser:
    """Compares new memories of one cube with what is known there. Thread-safe."""

    def __init__(self, stores: TextStores) -> None:
        self._stores = stores

    def revise(self, place: Place, jobs: Sequence[Told], judge: Judge | None, keep: KeepDecisions) -> list[Revised]:
        """What to write of each job, in order. A query, and with a judge an embedding batch, searches and a call more.

        The judge is asked of jobs without ``decisions`` alone. Raises Unavailable when the graph or the embedder is
        away; a judge that is away leaves everything to the rules.
        """
        known = self._find_of_subjects(place, jobs)
        decided = [each for told in jobs for each in told.decisions or ()]
        known += self._find_decided(place, decided, known)
        undecided = [told for told in jobs if told.decisions is None]
        if judge is not None and undecided:
            earlier = [memory for told in jobs if told.decisions is not None for memory in told.memories]
            near = self._find_near(place, undecided, [*known, *earlier])
            known += near
            decided += _decide(judge, undecided, [*known, *earlier], keep)
        return revise([told.memories for told in jobs], known, decided)

    def _find_of_subjects(self, place: Place, jobs: Sequence[Told]) -> list[Memory]:
        found = (subject_of(memory) for told in jobs for memory in told.memories)
        subjects = list(dict.fromkeys(subject for subject in found if subject is not None))
        if not subjects:
            return []
        return self._stores.graph.find_by_subjects(place.tenant, place.cube, subjects, limit=_CANDIDATES)

    def _find_decided(self, place: Place, decided: Iterable[Decision], known: Iterable[Memory]) -> list[Memory]:
        """What was decided upon and is not known yet; what is gone by now is left out."""
        there = {memory.id for memory in known}
        wanted = list(dict.fromkeys(each.known for each in decided if each.known not in there))
        found = self._stores.graph.find_memories(place.tenant, place.cube, wanted) if wanted else {}
        return [found[each] for each in wanted if each in found]

    def _find_near(self, place: Place, jobs: Sequence[Told], known: Sequence[Memory]) -> list[Memory]:
        """What is near to the memories that the rules leave open, beyond what is known; nothing open costs nothing."""
        opened = find_open([told.memories for told in jobs], known)
        vectors = self._stores.embedder.embed([memory.text for memory in opened]) if opened else []
        new = [Embedded(memory=memory, vector=vector) for memory, vector in zip(opened, vectors, strict=True)]
        return find_neighbours(self._stores, place, new, known)[len(known) :]


def _decide(judge: Judge, jobs: Sequence[Told], known: Sequence[Memory], keep: KeepDecisions) -> list[Decision]:
    """What the judge says, each decision kept with the job whose memory it is about."""
    judgement = judge.decide([told.memories for told in jobs], known)
    owners = {memory.id: told.job for told in jobs for memory in told.memories}
    if judgement.calls:
        of_each = {
            told.job: tuple(each for each in judgement.decisions if owners[each.new] == told.job) for told in jobs
        }
        keep(of_each)
    return list(judgement.decisions)
