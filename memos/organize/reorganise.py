"""Reorganising a cube: what is new is looked at with its neighbours, planned for, and the plan applied, page by page.

    list_fresh ──> one embedding batch ──> a search each ──> neighbours, relations, parents ──> plan (plan.py)
        ▲                                                                                          │
        │                   planned again with what it said <── a model is asked, if there is one <┤
        │                                       └──────────────────────────┐                       │ none
        └── next page, within the budget ── index rows of removed summaries <── apply_plan <───────┘
                                                           something changed meanwhile ──> planned once more

Costs what is new, whatever the size of the cube. Any number of processes may do it at once, beside extractions and
deletions: a plan is applied whole or not at all, and what was not looked at stays fresh for the next one. So does what
the budget has no tokens left to ask about.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from memos.clock import Clock
from memos.graph_dbs.base import GraphStore
from memos.ids import MemoryId
from memos.llms.base import LLM
from memos.memories.textual.stores import TextStores
from memos.organize.plan import build_plan
from memos.organize.report import Report, describe, join_reports
from memos.organize.surroundings import PLAIN_TYPES, Near, Place, Surroundings, is_plain
from memos.organize.teller import Spent, Teller
from memos.organize.told import NOTHING_TOLD, Told
from memos.types import Edge, EdgeType, Memory
from memos.vec_dbs.base import IndexFilter

PAGE: Final = 50
NEIGHBOURS: Final = 16
SEARCH_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What one run may take: so many fresh memories, and so many tokens of a model's prompts and answers.

    After so many seconds no page is begun, and no answer awaited.
    """

    memories: int = 200
    tokens: int = 16_000
    seconds: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reorganised:
    """What a run did, as ``describe`` tells it of a plan (memos/organize/report.py).

    ``left`` says that fresh memories remain, ``contended`` that others changed what it planned for.
    """

    report: Report
    left: bool = False
    contended: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """What became of a page: without ``report`` nothing, because others came between or because nothing was fresh.

    ``is_last`` says that the budget had no room for all of it.
    """

    report: Report | None
    contended: bool = False
    is_last: bool = False


class Reorganiser:
    """Reorganises cubes in graph and index. What it wrote lags in the index: bring that up to the graph afterwards.

    With an ``llm``, that words summaries and finds relations; what it cannot do is done by rules.
    """

    def __init__(
        self, stores: TextStores, clock: Clock, *, budget: Budget | None = None, llm: LLM | None = None
    ) -> None:
        self._stores = stores
        self._clock = clock
        self._budget = budget or Budget()
        self._llm = llm

    def run(self, place: Place) -> Reorganised:
        """Look at what is fresh, within the budget. Raises Unavailable; what was done by then stays done."""
        ends_s = self._clock.monotonic_s() + self._budget.seconds
        teller = self._open_teller(ends_s)
        reports: list[Report] = []
        while (room := self._budget.memories - sum(report["fresh"] for report in reports)) > 0:
            if reports and self._clock.monotonic_s() >= ends_s:
                break
            step = self._step(place, min(room, PAGE), teller)
            if step.report is None:
                return Reorganised(report=_join(reports, teller), left=step.contended, contended=step.contended)
            reports.append(step.report)
            if step.is_last:
                break
        is_left = bool(self._stores.graph.list_fresh(place.tenant, place.cube, limit=1))
        return Reorganised(report=_join(reports, teller), left=is_left)

    def preview(self, place: Place) -> Reorganised:
        """What a run would do by rules if it took all of its budget at once; changes nothing, and asks no model."""
        most = self._budget.memories
        around = self._look_around(place, most)
        report = describe(build_plan(around, now_ms=self._clock.now_ms()), around.memories)
        if self._llm is not None:
            report["degraded"] = [f"organize: {self._llm.model} is not asked for a dry run; these are the rules' words"]
        is_left = len(self._stores.graph.list_fresh(place.tenant, place.cube, limit=most + 1)) > most
        return Reorganised(report=report, left=is_left)

    def _open_teller(self, ends_s: float) -> Teller | None:
        if self._llm is None:
            return None
        return Teller(self._llm, self._clock, tokens=self._budget.tokens, ends_s=ends_s)

    def _step(self, place: Place, limit: int, teller: Teller | None) -> _Step:
        """One page, at the second attempt at last, which makes do with what the model has said at the first."""
        told: Told | None = None
        for _ in range(2):
            around = self._look_around(place, limit)
            if not around.fresh:
                return _Step(report=None)
            told = told or self._ask(teller, around)
            plan = build_plan(around, now_ms=self._clock.now_ms(), told=told)
            if self._stores.graph.apply_plan(place.tenant, place.cube, plan):
                self._stores.index.delete(place.tenant, place.cube, [memory.id for memory in plan.retired])
                is_last = len(plan.seen) < len(around.fresh)
                return _Step(report=describe(plan, around.memories), is_last=is_last)
        return _Step(report=None, contended=True)

    def _ask(self, teller: Teller | None, around: Surroundings) -> Told:
        if teller is None:
            return NOTHING_TOLD
        return teller.tell(around, build_plan(around, now_ms=self._clock.now_ms()))

    def _look_around(self, place: Place, limit: int) -> Surroundings:
        graph, where = self._stores.graph, (place.tenant, place.cube)
        listed = graph.list_fresh(*where, limit=limit)
        if not listed:
            return Surroundings(place=place, fresh=(), memories={}, sources={})
        near = self._find_near(place, [memory for memory in listed if is_plain(memory)])
        ids = dict.fromkeys([*(memory.id for memory in listed), *(pair.other for pair in near)])
        edges = _find_edges(graph, place, ids)
        ends = dict.fromkeys([*ids, *(end for edge in edges for end in (edge.source, edge.target))])
        stored = graph.find_memories(*where, list(ends))
        # As they were listed: what they say is what was embedded, and a change since then shows by its version.
        fresh = {memory.id: memory for memory in listed if memory.id in stored}
        return Surroundings(
            place=place,
            fresh=tuple(fresh.values()),
            memories={**stored, **fresh},
            near=tuple(near),
            edges=edges,
            sources=graph.find_contexts(*where, list(fresh)),
        )

    def _find_near(self, place: Place, fresh: list[Memory]) -> list[Near]:
        """The neighbours of each; one embedding batch for all of them."""
        where = IndexFilter(cubes=(place.cube,), memory_types=PLAIN_TYPES)
        vectors = self._stores.embedder.embed([memory.text for memory in fresh]) if fresh else []
        return [
            Near(one=memory.id, other=hit.memory_id, cosine=hit.score)
            for memory, vector in zip(fresh, vectors, strict=True)
            for hit in self._stores.index.search_dense(
                place.tenant, vector, where, limit=NEIGHBOURS + 1, timeout_s=SEARCH_TIMEOUT_S
            )
            if hit.memory_id != memory.id
        ]


def _join(reports: list[Report], teller: Teller | None) -> Report:
    return join_reports(reports, Spent() if teller is None else teller.spent)


def _find_edges(graph: GraphStore, place: Place, ids: Mapping[MemoryId, None]) -> tuple[Edge, ...]:
    """The relations of these memories, and, of each summary among their parents, all that it sums up."""
    if not ids:
        return ()
    edges = graph.find_edges(place.tenant, place.cube, list(ids))
    parents = {edge.source for edge in edges if edge.type is EdgeType.PARENT}
    more = graph.find_edges(place.tenant, place.cube, sorted(parents)) if parents else []
    of_children = [edge for edge in more if edge.type is EdgeType.PARENT]
    children = [edge.target for edge in of_children if edge.target not in ids]
    superseding = graph.find_edges(place.tenant, place.cube, children) if children else []
    known = (*edges, *of_children, *(edge for edge in superseding if edge.type is EdgeType.SUPERSEDES))
    return tuple(dict.fromkeys(known))
