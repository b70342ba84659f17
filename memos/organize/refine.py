"""How the facts of a job refine its provisional memories. Pure; nothing is ever taken away.

    the fact nearest to it in words, of one message   ──> takes it over: id, creation and what users made of it stay
    no fact of its own                                ──> archived; MERGED_TO a fact that rests on the same message
    edited meanwhile                                  ──> stays as edited, in the place of the fact
    deleted meanwhile                                 ──> its fact is not written: a deletion holds

A memory has one fact at most and a fact one memory; facts that remain are memories of their own.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from memos.ids import MemoryId, MessageId
from memos.mem_reader.words import content_words
from memos.organize.decay import archived
from memos.organize.provisional import final_tags, is_provisional
from memos.organize.revise import Revised
from memos.types import Edge, EdgeType, Memory, MemoryStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Provisional:
    """A provisional memory as it was written first, and as it is now; None for one that was deleted."""

    draft: Memory
    stored: Memory | None

    @property
    def is_edited(self) -> bool:
        """Whether somebody gave it another text, or called it final."""
        now = self.stored
        if now is None:
            return False
        return not is_provisional(now) or (now.version > self.draft.version and now.text != self.draft.text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftover:
    """Provisional memories that no fact took over, archived, and the facts that they led to."""

    archived: tuple[Memory, ...]
    edges: tuple[Edge, ...]


def refine(facts: Sequence[Memory], provisional: Sequence[Provisional], *, now_ms: int) -> list[Memory]:
    """The final memories of a job: its facts, under the ids that they take over, and then what was edited."""
    owners = _pair(facts, [each.draft for each in provisional])
    by_id = {each.draft.id: each for each in provisional}
    refined = (_refine_one(fact, by_id.get(owners.get(fact.id, fact.id))) for fact in facts)
    edited = (_confirm(each, now_ms=now_ms) for each in provisional)
    return [memory for memory in (*refined, *edited) if memory is not None]


def find_leftover(provisional: Iterable[Provisional], revised: Revised, *, now_ms: int) -> Leftover:
    """What becomes of the provisional memories that are not among the job's final ones."""
    kept = {memory.id for memory in revised.memories}
    stored = (each.stored for each in provisional if each.stored is not None)
    gone = [memory for memory in stored if is_provisional(memory) and memory.id not in kept]
    active = (memory for memory in gone if memory.status is MemoryStatus.ACTIVATED)
    heirs = _find_heirs(revised)
    led = ((memory.id, next((heirs[each] for each in memory.source_ids if each in heirs), None)) for memory in gone)
    return Leftover(
        archived=tuple(archived(memory, now_ms=now_ms) for memory in active),
        edges=tuple(Edge(source=old, target=new, type=EdgeType.MERGED_TO) for old, new in led if new is not None),
    )


def _refine_one(fact: Memory, old: Provisional | None) -> Memory | None:
    if old is None:
        return fact
    if old.stored is None or old.is_edited:
        return None
    return _take_over(old.stored, fact)


def _take_over(stored: Memory, fact: Memory) -> Memory:
    """What the reader says is new; what users made of the memory stays."""
    return replace(
        fact,
        id=stored.id,
        status=stored.status,
        tags=tuple(dict.fromkeys((*fact.tags, *final_tags(stored.tags)))),
        info={**stored.info, **fact.info},
        importance=stored.importance,
        importance_at_ms=stored.importance_at_ms,
        pinned=stored.pinned,
        expires_at_ms=stored.expires_at_ms,
        created_at_ms=stored.created_at_ms,
        version=stored.version + 1,
        indexed_version=stored.indexed_version,
    )


def _confirm(edited: Provisional, *, now_ms: int) -> Memory | None:
    now = edited.stored
    if now is None or not edited.is_edited or not is_provisional(now):
        return None
    return replace(now, tags=final_tags(now.tags), confidence=1.0, updated_at_ms=now_ms, version=now.version + 1)


def _pair(facts: Sequence[Memory], drafts: Sequence[Memory]) -> dict[MemoryId, MemoryId]:
    """For each fact the draft that it takes over, if it takes one: the pairs nearest in words first."""
    pairs: dict[MemoryId, MemoryId] = {}
    taken: set[MemoryId] = set()
    for _, fact, draft in sorted(_candidates(facts, drafts)):
        if facts[fact].id not in pairs and drafts[draft].id not in taken:
            pairs[facts[fact].id] = drafts[draft].id
            taken.add(drafts[draft].id)
    return pairs


def _candidates(facts: Sequence[Memory], drafts: Sequence[Memory]) -> Iterator[tuple[float, int, int]]:
    """Of each fact and each draft that share a message: how far they are in words, and their places."""
    words = [frozenset(content_words(draft.text)) for draft in drafts]
    resting = _by_message(drafts)
    for place, fact in enumerate(facts):
        own = frozenset(content_words(fact.text))
        for draft in {each for message in fact.source_ids for each in resting.get(message, ())}:
            yield -len(own & words[draft]) / (len(own | words[draft]) or 1), place, draft


def _by_message(drafts: Sequence[Memory]) -> Mapping[MessageId, Sequence[int]]:
    resting: dict[MessageId, list[int]] = defaultdict(list)
    for place, draft in enumerate(drafts):
        for message in draft.source_ids:
            resting[message].append(place)
    return resting


def _find_heirs(revised: Revised) -> dict[MessageId, MemoryId]:
    """Of each message the first final memory that rests on it: of the job, or a known one that the job said again."""
    own = ((source, memory.id) for memory in revised.memories for source in memory.source_ids)
    again = ((source, each.memory) for each in revised.revision.reinforced for source in each.source_ids)
    heirs: dict[MessageId, MemoryId] = {}
    for source, memory in (*own, *again):
        heirs.setdefault(source, memory)
    return heirs
