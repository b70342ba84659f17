"""``memos bench ablation``: what each signal of the ranking is worth, by leaving it out.

    turns ──> stores, once        questions ──> a ranking for each variant ──> OUT/all.jsonl, OUT/no-dense.jsonl, ...

A signal of memos/recall/evidence.py is left out by a weight of 0: the candidates stay those of both lists. Without
``graph`` no relation is followed. ``recency`` and ``importance`` are taken off the hits of the whole ranking, which are
put in order anew; what stood behind place ``top_k`` stays there. Every variant is asked what ``memos bench retrieval``
asks, and writes such a run.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from memos.bench.conversations import RecordedConversation, load_conversation
from memos.bench.feed import Feed
from memos.bench.retrieval import CUBE, Line, Plan, feed_conversation, write_run
from memos.errors import InvalidRequest
from memos.memories.textual.stores import TextStores
from memos.recall.evidence import DEFAULT_EVIDENCE, EvidenceWeights
from memos.recall.paths import HOPS
from memos.recall.search import Recall
from memos.settings import Settings
from memos.types import Hit
from memos.wiring import open_stores

ALL: Final = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A ranking. ``taken_off`` names a part that its hits lose."""

    name: str
    weights: EvidenceWeights = DEFAULT_EVIDENCE
    hops: int = HOPS
    taken_off: str = ""

    def rank(self, hits: Sequence[Hit]) -> list[Hit]:
        """The hits in their order without that part; those that are equal then stay in theirs."""
        return sorted(hits, key=lambda hit: hit.parts.get(self.taken_off, 0.0) - hit.score)


VARIANTS: Final = (
    Variant(name=ALL),
    *(
        Variant(name=f"no-{signal.name}", weights=replace(DEFAULT_EVIDENCE, **{signal.name: 0.0}))
        for signal in fields(EvidenceWeights)
    ),
    Variant(name="no-recency", taken_off="recency"),
    Variant(name="no-importance", taken_off="importance"),
    Variant(name="no-graph", hops=0),
)


def measure(settings: Settings, plan: Plan, out: Path) -> dict[str, Path]:
    """Write a run for each variant into ``out``; the runs by the variants' names. A running stack does the work."""
    lines: dict[str, list[Line]] = {variant.name: [] for variant in VARIANTS}
    with closing(open_stores(settings)) as stores:
        for name in plan.names:
            conversation = load_conversation(plan.directory, name)
            with Feed(settings, name) as feed:
                feed_conversation(feed, conversation)
                for variant, line in _ask_all(stores, feed, conversation, top_k=plan.top_k):
                    lines[variant.name].append(line)
    runs = {name: out / f"{name}.jsonl" for name in lines}
    for name, run in runs.items():
        write_run(run, lines[name])
    return runs


def make_directory(out: Path) -> None:
    """Have a directory to write into. Raises InvalidRequest."""
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise InvalidRequest(f"cannot write into {out}: {error.strerror}; name a directory beside others") from None


def _ask_all(
    stores: TextStores, feed: Feed, conversation: RecordedConversation, *, top_k: int
) -> Iterator[tuple[Variant, Line]]:
    """Question by question, each by every variant."""
    with ExitStack() as opened:
        recalls = [
            (variant, opened.enter_context(closing(Recall(stores, weights=variant.weights, hops=variant.hops))))
            for variant in VARIANTS
        ]
        for number, question in enumerate(conversation.questions):
            for variant, recall in recalls:
                began_s = time.perf_counter()
                hits = variant.rank(recall.search(feed.tenant, [CUBE], question, top_k=top_k).hits)
                elapsed_ms = (time.perf_counter() - began_s) * 1000
                results = [{"sources": [turn.name for turn in feed.turns_of(hit)]} for hit in hits]
                yield variant, {"conv": conversation.name, "qa": number, "results": results, "ms": round(elapsed_ms, 3)}
