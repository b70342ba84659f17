"""A plan of reorganisation as plain data: ids, texts, and the reason for each thing. Pure.

{"fresh": 12, "merges": [{"kept", "gone", "reason"}], "relations": [{"type", "source", "target", "reason"}],
 "summaries": [{"id", "text", "topic", "children", "reason", "told_by"}], "refreshed": [the same],
 "retired": [{"id", "text", "reason"}], "asked": 1, "tokens": 2100, "dropped": 0, "degraded": []}
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypedDict

from memos.ids import MemoryId
from memos.organize.plan import Plan
from memos.organize.summaries import Summary
from memos.organize.teller import Spent
from memos.organize.told import find_author
from memos.types import Memory


class Told(TypedDict):
    """A memory, in its words as they were."""

    id: str
    text: str


class ToldMerge(TypedDict):
    """Memories that became one."""

    kept: Told
    gone: list[Told]
    reason: str


class ToldRelation(TypedDict):
    """A new edge."""

    type: str
    source: Told
    target: Told
    reason: str


class ToldSummary(TypedDict):
    """A summary as it is afterwards; ``told_by`` is the model that has worded it, or RULES."""

    id: str
    text: str
    topic: str
    children: list[Told]
    reason: str
    told_by: str


class ToldRemoval(TypedDict):
    """A summary that is no more."""

    id: str
    text: str
    reason: str


class Report(TypedDict):
    """All of a plan, or of several; ``fresh`` is how many memories it has looked at.

    A language model was ``asked`` so many times, for so many ``tokens`` as they are estimated. ``dropped`` is what was
    unfit of its answers, and ``degraded`` says why something was left to rules.
    """

    fresh: int
    merges: list[ToldMerge]
    relations: list[ToldRelation]
    summaries: list[ToldSummary]
    refreshed: list[ToldSummary]
    retired: list[ToldRemoval]
    asked: int
    tokens: int
    dropped: int
    degraded: list[str]


Tell = Callable[[MemoryId], Told]

RULES: Final = "rules"
_NEAR: Final = "near, and of one topic"
_CHANGED: Final = "its children changed"
_FEW: Final = "too few children are left"


def describe(plan: Plan, memories: Mapping[MemoryId, Memory]) -> Report:
    """The plan in words, given the memories as they were."""

    def tell(memory: MemoryId) -> Told:
        return Told(id=memory, text=memories[memory].text)

    return Report(
        fresh=len(plan.seen),
        merges=[
            ToldMerge(
                kept=tell(merge.kept.id),
                gone=[tell(memory.id) for memory in merge.gone],
                reason=f"they differ in filler only, cosine {merge.cosine:.2f}",
            )
            for merge in plan.merges
        ],
        relations=[
            ToldRelation(
                type=link.edge.type.value,
                source=tell(link.edge.source),
                target=tell(link.edge.target),
                reason=link.reason,
            )
            for link in plan.links
        ],
        summaries=[_describe_summary(summary, tell, _NEAR) for summary in plan.parents],
        refreshed=[_describe_summary(summary, tell, _CHANGED) for summary in plan.refreshed],
        retired=[ToldRemoval(id=memory.id, text=memory.text, reason=_FEW) for memory in plan.retired],
        asked=0,
        tokens=0,
        dropped=0,
        degraded=[],
    )


def join_reports(reports: Iterable[Report], spent: Spent) -> Report:
    """What several plans did, one after the other, and what was asked for all of them."""
    joined = Report(
        fresh=0,
        merges=[],
        relations=[],
        summaries=[],
        refreshed=[],
        retired=[],
        asked=spent.calls,
        tokens=spent.tokens,
        dropped=spent.dropped,
        degraded=list(spent.degraded),
    )
    for report in reports:
        joined["fresh"] += report["fresh"]
        joined["merges"] += report["merges"]
        joined["relations"] += report["relations"]
        joined["summaries"] += report["summaries"]
        joined["refreshed"] += report["refreshed"]
        joined["retired"] += report["retired"]
    return joined


def count(report: Report) -> dict[str, int]:
    """How many of each there are."""
    return {
        "looked_at": report["fresh"],
        "merged": sum(len(merge["gone"]) for merge in report["merges"]),
        "related": len(report["relations"]),
        "summaries": len(report["summaries"]),
        "refreshed": len(report["refreshed"]),
        "retired": len(report["retired"]),
        "asked": report["asked"],
        "tokens": report["tokens"],
        "dropped": report["dropped"],
    }


def _describe_summary(summary: Summary, tell: Tell, reason: str) -> ToldSummary:
    memory = summary.memory
    return ToldSummary(
        id=memory.id,
        text=memory.text,
        topic=memory.key,
        children=[tell(child) for child in summary.children],
        reason=reason,
        told_by=find_author(memory) or RULES,
    )
