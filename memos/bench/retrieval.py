"""``memos bench retrieval``: recorded conversations through the real path, then each question asked.

turns ──> mos.add, one by one ──> workers ──> stores        questions ──> mos.search ──> RUN.jsonl, to be scored

Nothing of a question, an answer or what counts as evidence is known to what is measured. A line of the run is
``{"conv", "qa", "results": [{"sources": [turn, ...]}, ...], "ms"}``: the memories in their order, each with the turns
that it came from.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from memos.bench.conversations import RecordedConversation, load_conversation
from memos.bench.feed import Feed
from memos.bench.timing import percentile_ms
from memos.errors import InvalidRequest
from memos.ids import CubeId
from memos.settings import Settings

TOP_K: Final = 20
CUBE: Final = CubeId("bench")

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which conversations, and how many memories each question may find."""

    directory: Path
    names: tuple[str, ...]
    top_k: int = TOP_K


def measure(settings: Settings, plan: Plan, out: Path) -> dict[str, Any]:
    """Feed, ask, write ``out`` and return what it cost; a running stack does the work. Raises InvalidRequest."""
    conversations = [load_conversation(plan.directory, name) for name in plan.names]
    seconds = 0.0
    lines: list[Line] = []
    for conversation in conversations:
        with Feed(settings, conversation.name) as feed:
            seconds += feed_conversation(feed, conversation)
            lines += _ask(feed, conversation, top_k=plan.top_k)
    write_run(out, lines)
    turns = sum(len(conversation.turns) for conversation in conversations)
    times = [line["ms"] for line in lines]
    return {
        "turns": turns,
        "questions": len(lines),
        "ingest_turns_per_s": round(turns / seconds, 1),
        "search_p50_ms": percentile_ms(times, 50),
        "search_p95_ms": percentile_ms(times, 95),
    }


def check_plan(plan: Plan, out: Path) -> None:
    """Refuse before anything is started what could not be done. Raises InvalidConfig, InvalidRequest."""
    for name in plan.names:
        load_conversation(plan.directory, name)
    check_target(out)


def check_target(out: Path) -> None:
    """Refuse what no file can be written to. Raises InvalidRequest."""
    if out.is_dir() or not out.parent.is_dir():
        raise InvalidRequest(f"cannot write {out}; name a file in a directory that exists")


def write_run(out: Path, lines: Iterable[Line]) -> None:
    """One JSON object a line."""
    out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def feed_conversation(feed: Feed, conversation: RecordedConversation) -> float:
    """Tell a conversation to a tenant of its own, so that it is not found in another's; the seconds it took.

    Returns when what is new has been put in order; that is not among these seconds.
    """
    feed.add_cube(CUBE)
    started = time.perf_counter()
    feed.tell((CUBE, turn) for turn in conversation.turns)
    seconds = time.perf_counter() - started
    feed.settle()
    return seconds


def _ask(feed: Feed, conversation: RecordedConversation, *, top_k: int) -> Iterator[Line]:
    feed.mos.search("warm up", top_k=top_k)
    for number, question in enumerate(conversation.questions):
        began_s = time.perf_counter()
        [shelf] = feed.mos.search(question, top_k=top_k)["text_mem"]
        elapsed_ms = (time.perf_counter() - began_s) * 1000
        results = [{"sources": [turn.name for turn in feed.turns_of(item)]} for item in shelf["memories"]]
        yield {"conv": conversation.name, "qa": number, "results": results, "ms": round(elapsed_ms, 3)}
