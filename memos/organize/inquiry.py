"""What a language model is asked about a page: which summaries it is to word, which memories to relate. Pure.

    summaries that are new or made anew ──> an item each, of all their children ───────────┐
    other fresh memories with something near, or of the same message ──> an item each ─────┴──> by user, biggest value
                                                                                                first, within the tokens
Messages of two users never share an inquiry. What does not fit is another run's; what would never fit is the rules'.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from memos.ids import MemoryId, UserId
from memos.organize.judge import MAX_TEXT_CHARS
from memos.organize.plan import Plan
from memos.organize.summaries import TOPIC_COSINE, Summary
from memos.organize.surroundings import Surroundings, is_plain, order_of
from memos.recall.budget import estimate_tokens
from memos.types import Memory
from memos.wellformed import well_formed

# The schema of an answer names every number three times, and servers bound how many values it may list.
MAX_FACTS: Final = 100
MAX_WORDING_CHARS: Final = 400
PARTNERS: Final = 3
# How long an answer may be: a wording in any script with its frame; a relation, of which there is one a fact at most.
_WORDING_TOKENS: Final = MAX_WORDING_CHARS + 60
_RELATION_TOKENS: Final = 20
# What question and answer take when nothing stands in them.
EMPTY_TOKENS: Final = 40
# As much as a number of three digits, brackets and commas take.
_FRAME_TOKENS: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A summary to be worded with its children, or a fresh memory with those that it may be related to."""

    facts: tuple[Memory, ...]
    summary: Summary | None = None

    @property
    def user(self) -> UserId:
        """Whose memories they are."""
        return self.facts[0].user

    @property
    def value(self) -> float:
        """What asking is worth: much for many memories that matter."""
        return sum(fact.importance for fact in self.facts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Inquiry:
    """What one call asks: the memories shown, in the order told, and the summaries to be worded."""

    facts: tuple[Memory, ...]
    summaries: tuple[Summary, ...]
    items: tuple[Item, ...]
    tokens: int

    def find_fact(self, number: int) -> Memory | None:
        """The memory of a number, if there is one."""
        return self.facts[number - 1] if 1 <= number <= len(self.facts) else None

    def find_summary(self, number: int) -> Summary | None:
        """The summary of a cluster's number, if there is one."""
        return self.summaries[number - 1] if 1 <= number <= len(self.summaries) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inquiries:
    """What is to be asked in how many calls, what has to wait for another run, and what is too large for any."""

    asked: tuple[Inquiry, ...] = ()
    waiting: tuple[Item, ...] = ()
    too_large: tuple[Item, ...] = ()


def build_items(around: Surroundings, draft: Plan) -> list[Item]:
    """What there is to ask, given the plan that rules would make."""
    summaries = [each for each in (*draft.parents, *draft.refreshed) if _can_be_shown(around, each.children)]
    worded = [Item(facts=_facts(around, each.children), summary=each) for each in summaries]
    shown = {fact.id for item in worded for fact in item.facts}
    return [*worded, *_build_loose(around, draft, shown)]


def choose(items: Sequence[Item], *, left: int, most: int, fixed: int) -> Inquiries:
    """An inquiry for each user, the most valuable items first, in the ``left`` of a run's ``most`` tokens.

    ``fixed`` are those that every call takes, whatever it asks.
    """
    by_user = sorted(items, key=lambda item: item.user)
    groups = [list(group) for _, group in groupby(by_user, key=lambda item: item.user)]
    asked: list[Inquiry] = []
    waiting: list[Item] = []
    too_large = [item for item in items if fixed + _cost(item, ()) > most]
    for group in sorted(groups, key=lambda group: -max(item.value for item in group)):
        fitting = [item for item in group if item not in too_large]
        chosen, tokens = _pack(fitting, left - fixed)
        waiting += [item for item in fitting if item not in chosen]
        if chosen:
            asked.append(_build_inquiry(chosen, tokens + fixed))
            left -= tokens + fixed
    return Inquiries(asked=tuple(asked), waiting=tuple(waiting), too_large=tuple(too_large))


def build_material(inquiry: Inquiry) -> str:
    """Clusters and memories as JSON, so that no text can end its own quotation."""
    numbers = {fact.id: number for number, fact in enumerate(inquiry.facts, start=1)}
    clusters = [_show_cluster(number, each, numbers) for number, each in enumerate(inquiry.summaries, start=1)]
    facts = [{"number": number, **show_fact(fact)} for number, fact in enumerate(inquiry.facts, start=1)]
    return _encode({"clusters": clusters, "facts": facts})


def show_fact(fact: Memory) -> dict[str, str | None]:
    """A memory as the model sees it, but for its number."""
    return {"said": _day(fact.said_at_ms), "speaker": well_formed(fact.speaker), "text": well_formed(fact.text)}


def _can_be_shown(around: Surroundings, ids: Iterable[MemoryId]) -> bool:
    return all(len(around.memories[each].text) <= MAX_TEXT_CHARS for each in ids)


def _facts(around: Surroundings, ids: Iterable[MemoryId]) -> tuple[Memory, ...]:
    return tuple(around.memories[each] for each in ids)


def _build_loose(around: Surroundings, draft: Plan, shown: Collection[MemoryId]) -> Iterator[Item]:
    """The fresh memories that no summary shows, each with the nearest that it has no relation to."""
    gone = {memory.id for merge in draft.merges for memory in merge.gone}
    edges = (*around.edges, *(each.edge for each in draft.links))
    paired = {frozenset((edge.source, edge.target)) for edge in edges}
    partners = _find_partners(around)
    for fact in around.fresh:
        if fact.id in shown or not _can_be_related(around, fact.id, gone):
            continue
        free = [each for each in partners.get(fact.id, ()) if frozenset((fact.id, each)) not in paired]
        near = [each for each in free if _can_be_related(around, each, gone)][:PARTNERS]
        if near:
            yield Item(facts=(fact, *_facts(around, near)))


def _find_partners(around: Surroundings) -> dict[MemoryId, list[MemoryId]]:
    """What may be related to each: what was said in the same message first, then the nearest."""
    found: dict[MemoryId, dict[MemoryId, None]] = {}
    said: dict[str, list[Memory]] = {}
    for fact in around.fresh:
        for source in fact.source_ids:
            said.setdefault(source, []).append(fact)
    together = ((one, other) for facts in said.values() for one in facts for other in facts if one.id != other.id)
    near = ((one, other) for one, other, _ in around.pairs(TOPIC_COSINE))
    for one, other in (*together, *near):
        if one.user == other.user:
            found.setdefault(one.id, {})[other.id] = None
            found.setdefault(other.id, {})[one.id] = None
    return {fact: list(others) for fact, others in found.items()}


def _can_be_related(around: Surroundings, memory: MemoryId, gone: Collection[MemoryId]) -> bool:
    return is_plain(around.memories[memory]) and memory not in gone and _can_be_shown(around, [memory])


def _pack(items: Sequence[Item], room: int) -> tuple[list[Item], int]:
    """Those that fit, the most valuable first, and what they cost; one that does not fit may be followed by another."""
    chosen: list[Item] = []
    shown: set[MemoryId] = set()
    spent = 0
    for item in sorted(items, key=lambda item: (-item.value, item.facts[0].id)):
        cost, facts = _cost(item, shown), shown | {fact.id for fact in item.facts}
        if spent + cost <= room and len(facts) <= MAX_FACTS:
            chosen.append(item)
            shown, spent = facts, spent + cost
    return chosen, spent


def _cost(item: Item, shown: Collection[MemoryId]) -> int:
    """Tokens of the question and of the longest answer, for what is not shown already; rather too many."""
    facts = [fact for fact in item.facts if fact.id not in shown]
    cost = sum(estimate_tokens(_encode(show_fact(fact))) + _FRAME_TOKENS + _RELATION_TOKENS for fact in facts)
    if item.summary is None:
        return cost
    cluster = _show_cluster(0, item.summary, {fact.id: MAX_FACTS for fact in item.facts})
    return cost + estimate_tokens(_encode(cluster)) + _FRAME_TOKENS + _WORDING_TOKENS + 2 * len(item.facts)


def _build_inquiry(items: Sequence[Item], tokens: int) -> Inquiry:
    facts = {fact.id: fact for item in items for fact in item.facts}
    return Inquiry(
        facts=tuple(sorted(facts.values(), key=lambda fact: (fact.said_at_ms, *order_of(fact)))),
        summaries=tuple(item.summary for item in items if item.summary is not None),
        items=tuple(items),
        tokens=tokens,
    )


def _show_cluster(number: int, summary: Summary, numbers: Mapping[MemoryId, int]) -> dict[str, Any]:
    speaker, topic = well_formed(summary.memory.speaker), well_formed(summary.memory.key)
    children = sorted(numbers[child] for child in summary.children)
    return {"number": number, "speaker": speaker, "topic": topic, "facts": children}


def _encode(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _day(at_ms: int) -> str | None:
    try:
        return datetime.fromtimestamp(at_ms / 1000, tz=UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None
