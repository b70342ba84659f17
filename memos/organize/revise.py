"""What becomes of earlier memories when somebody says something new. Pure; nothing is ever taken away.

    the same words again           ──> no second memory: the first gets the new sources and more importance
    the same in other words        ──> MERGED_TO: the new memory is archived, the first counts as said again
    another value of a state       ──> SUPERSEDES: what was said earlier holds until the later one does
    a state and its denial         ──> CONTRADICTS, from the later to the earlier; both stay as they are
    anything else                  ──> a memory beside the others

By rules (memos/organize/rules.py) memories concern each other only within a *subject*: of one user and one speaker,
either a state that can have but one value (memos/organize/states.py) or exactly these words. Beyond that, and for other
words, somebody has to decide (memos/organize/decisions.py). Either way the order in which things were said counts, not
the order in which they arrive: an import of old messages leaves what the same messages would have left in their time.
"""

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from memos.ids import RESERVED_SESSION_PREFIX, MemoryId, MessageId
from memos.organize.decisions import Action, Decision, may_concern, relation_of, says_no_more
from memos.organize.provisional import is_provisional
from memos.organize.rules import contradict, find_repeated, holds_from_ms, takes_the_place, words_of
from memos.organize.states import find_topic
from memos.types import Edge, EdgeType, Memory, MemoryStatus, MemoryType

# Of what a memory lacks of full importance, the share that being said again adds.
REINFORCEMENT: Final = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Reinforcement:
    """A memory that was said again, at this time and in these messages; known ``at_ms``."""

    memory: MemoryId
    source_ids: tuple[MessageId, ...]
    said_at_ms: int
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """A memory that holds until ``invalid_at_ms`` and no longer; known ``at_ms``."""

    memory: MemoryId
    invalid_at_ms: int
    at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What a job changes of memories that are not its own, and how its own relate to others."""

    reinforced: tuple[Reinforcement, ...] = ()
    ended: tuple[Ending, ...] = ()
    edges: tuple[Edge, ...] = ()

    @property
    def changed(self) -> tuple[MemoryId, ...]:
        """The memories that get another version by it."""
        return tuple(dict.fromkeys(each.memory for each in (*self.reinforced, *self.ended)))


NO_REVISION: Final = Revision()


@dataclass(frozen=True, kw_only=True, slots=True)
class Revised:
    """What there is to write of a job: those of its memories that are no repetitions, and the revision."""

    memories: tuple[Memory, ...]
    revision: Revision


def subject_of(memory: Memory) -> str | None:
    """A digest that memories share if they may concern each other; None for documents and summaries, which say nothing
    of their own, and for what is provisional."""
    is_ours = memory.session.startswith(RESERVED_SESSION_PREFIX)
    if memory.memory_type is MemoryType.OUTER or is_ours or is_provisional(memory):
        return None
    topic = find_topic(memory.speaker, memory.text)
    about = ("words", words_of(memory)) if topic is None else ("topic", topic)
    named = json.dumps((memory.user, memory.speaker, *about))
    return sha256(named.encode()).hexdigest()


def reinforce(memory: Memory, again: Reinforcement) -> Memory:
    """The memory after it was said again: it holds since the first time and was said at the last one."""
    first_ms = min(memory.said_at_ms, again.said_at_ms)
    return replace(
        memory,
        importance=memory.importance + (1 - memory.importance) * REINFORCEMENT,
        importance_at_ms=again.at_ms,
        said_at_ms=max(memory.said_at_ms, again.said_at_ms),
        valid_at_ms=first_ms if memory.valid_at_ms is None else memory.valid_at_ms,
        source_ids=tuple(dict.fromkeys((*memory.source_ids, *again.source_ids))),
        updated_at_ms=again.at_ms,
        version=memory.version + 1,
    )


def end(memory: Memory, ending: Ending) -> Memory:
    """The memory after another took its place; one that ended before keeps its end."""
    known_ms = ending.invalid_at_ms if memory.invalid_at_ms is None else memory.invalid_at_ms
    until_ms = min(known_ms, ending.invalid_at_ms)
    return replace(memory, invalid_at_ms=until_ms, updated_at_ms=ending.at_ms, version=memory.version + 1)


def revise(
    jobs: Sequence[Sequence[Memory]], known: Iterable[Memory], decisions: Iterable[Decision] = ()
) -> list[Revised]:
    """What to write of each job's new memories, in order, given what is known of their subjects and what was decided.

    Jobs are told one after the other: what an earlier one says is known to the next. A memory that is among its own
    candidates, because an earlier attempt wrote it, is new again. The rules go first, and a decision about a memory
    that is not there, or that cannot be followed, is none.
    """
    story = _Story(decisions)
    fresh = {memory.id for job in jobs for memory in job}
    for memory in sorted(known, key=lambda each: (each.said_at_ms, each.created_at_ms, each.id)):
        if memory.id not in fresh:
            story.insert(memory)
    return [_revise_job(story, job) for job in jobs]


def _revise_job(story: "_Story", job: Sequence[Memory]) -> Revised:
    draft = _Draft(story=story)
    for memory in job:
        draft.take(memory)
    return draft.finish()


class _Story:
    """What is known so far: of each subject the memories in the order in which they were said."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        self.rows: dict[MemoryId, Memory] = {}
        self._told: dict[str, list[MemoryId]] = {}
        self._decisions: dict[MemoryId, list[Decision]] = defaultdict(list)
        for decision in decisions:
            self._decisions[decision.new].append(decision)

    def insert(self, memory: Memory) -> None:
        """Let a memory take its place."""
        self.rows[memory.id] = memory
        subject = subject_of(memory)
        if subject is not None:
            self._told.setdefault(subject, []).insert(self._place(subject, memory), memory.id)

    def move(self, known: Memory) -> None:
        """Let a memory, that was said as ``known`` says, take the place of its last saying."""
        subject = subject_of(known)
        if subject is not None:
            self._told[subject].remove(known.id)
            self.insert(self.rows[known.id])

    def around(self, memory: Memory) -> tuple[list[Memory], list[Memory]]:
        """What was said of its subject before it, and after it."""
        subject = subject_of(memory)
        if subject is None:
            return [], []
        told = [self.rows[each] for each in self._told.get(subject, ())]
        place = self._place(subject, memory)
        return told[:place], told[place:]

    def find_decided(self, memory: Memory) -> list[tuple[Action, Memory]]:
        """What was decided of it and others that are here, those that were said first before the others."""
        decided = [
            (each.action, self.rows[each.known]) for each in self._decisions[memory.id] if each.known in self.rows
        ]
        possible = [(action, other) for action, other in decided if may_concern(memory, other)]
        return sorted(possible, key=lambda pair: pair[1].said_at_ms)

    def _place(self, subject: str, memory: Memory) -> int:
        """Behind what was said at the same time."""
        told = self._told.get(subject, [])
        return bisect_right(told, memory.said_at_ms, key=lambda each: self.rows[each].said_at_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    """One job while its memories are compared with the story, one by one."""

    story: _Story
    own: dict[MemoryId, None] = field(default_factory=dict[MemoryId, None])
    reinforced: list[Reinforcement] = field(default_factory=list[Reinforcement])
    ended: list[Ending] = field(default_factory=list[Ending])
    edges: list[Edge] = field(default_factory=list[Edge])

    def take(self, memory: Memory) -> None:
        """Write it, or count it as a repetition."""
        before, after = self.story.around(memory)
        repeated = find_repeated(memory, reversed(before)) or find_repeated(memory, after)
        if repeated is not None:
            self._reinforce(repeated, memory)
            return
        decided = self.story.find_decided(memory)
        same = _find_same(memory, decided)
        self.own[memory.id] = None
        if same is not None:
            self._merge(memory, same)
            return
        self.story.insert(memory)
        self._relate(memory, before, after)
        for action, other in decided:
            self._follow(action, memory.id, other.id)

    def finish(self) -> Revised:
        """The job's memories as they are now."""
        revision = Revision(reinforced=tuple(self.reinforced), ended=tuple(self.ended), edges=tuple(self.edges))
        return Revised(memories=tuple(self.story.rows[each] for each in self.own), revision=revision)

    def _reinforce(self, known: Memory, memory: Memory) -> None:
        again = Reinforcement(
            memory=known.id,
            source_ids=memory.source_ids,
            said_at_ms=memory.said_at_ms,
            at_ms=memory.created_at_ms,
        )
        self._change(known, reinforce(known, again))
        self.story.move(known)
        if known.id not in self.own:
            self.reinforced.append(again)

    def _merge(self, memory: Memory, kept: Memory) -> None:
        self.story.rows[memory.id] = replace(memory, status=MemoryStatus.ARCHIVED)
        self.edges.append(Edge(source=memory.id, target=kept.id, type=EdgeType.MERGED_TO))
        self._reinforce(kept, memory)

    def _relate(self, memory: Memory, before: Sequence[Memory], after: Sequence[Memory]) -> None:
        pairs = [(memory, each) for each in before] + [(each, memory) for each in after]
        denials = (pair for pair in pairs if contradict(*pair))
        self.edges.extend(Edge(source=new.id, target=old.id, type=EdgeType.CONTRADICTS) for new, old in denials)
        for older in (each for each in before if takes_the_place(memory, each)):
            self._supersede(older, memory, at_ms=memory.created_at_ms)
        newer = next((each for each in after if takes_the_place(each, memory)), None)
        if newer is not None:
            self._supersede(memory, newer, at_ms=memory.created_at_ms)

    def _follow(self, action: Action, new: MemoryId, other: MemoryId) -> None:
        memory, known = self.story.rows[new], self.story.rows[other]
        newer, older = (known, memory) if known.said_at_ms > memory.said_at_ms else (memory, known)
        relation = relation_of(action, newer, older)
        if relation is EdgeType.SUPERSEDES:
            self._supersede(older, newer, at_ms=memory.created_at_ms)
        elif relation is not None:
            self.edges.append(Edge(source=newer.id, target=older.id, type=relation))

    def _supersede(self, older: Memory, newer: Memory, *, at_ms: int) -> None:
        ending = Ending(memory=older.id, invalid_at_ms=holds_from_ms(newer), at_ms=at_ms)
        self._change(older, end(older, ending))
        self.edges.append(Edge(source=newer.id, target=older.id, type=EdgeType.SUPERSEDES))
        if older.id not in self.own:
            self.ended.append(ending)

    def _change(self, known: Memory, changed: Memory) -> None:
        """What this job writes itself is its first version, whatever happened to it meanwhile."""
        is_own = known.id in self.own
        self.story.rows[known.id] = replace(changed, version=known.version) if is_own else changed


def _find_same(memory: Memory, decided: Sequence[tuple[Action, Memory]]) -> Memory | None:
    """What it says in other words, and does nothing else: what replaces or contradicts another as well is said anew."""
    if any(action is not Action.REPEATS for action, _ in decided):
        return None
    return next((other for _, other in decided if says_no_more(memory, other)), None)
