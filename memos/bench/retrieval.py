"""``memos bench retrieval``: recorded conversations through the real path, then each question asked.

turns ──> mos.add, one by one ──> workers ──> stores        questions ──> mos.search ──> RUN.jsonl, to be scored

Nothing of a question, an answer or what counts as evidence is known to what is measured. A line of the run is
``{"conv", "qa", "results": [{"sources": [turn, ...]}, ...], "ms"}``: the memories in their order, each with the turns
that it came from.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from memos.bench.conversations import RecordedConversation, load_conversation
from memos.bench.timing import percentile_ms
from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidRequest, Unavailable
from memos.ids import CubeId, MessageId, TenantId, message_id
from memos.mem_os.intake import Added
from memos.mem_os.main import MOS
from memos.settings import Settings
from memos.types import JobState

TOP_K: Final = 20
_USER: Final = "bench"
_WAIT_S: Final = 600.0

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Which conversations, and how many memories each question may find."""

    directory: Path
    names: tuple[str, ...]
    top_k: int = TOP_K


@dataclass(frozen=True, kw_only=True, slots=True)
class _Fed:
    """A conversation that is in the stores: how long that took, and the turn behind each message."""

    seconds: float
    turn_of: Mapping[MessageId, str]


def measure(settings: Settings, plan: Plan, out: Path) -> dict[str, Any]:
    """Feed, ask, write ``out`` and return what it cost; a running stack does the work. Raises InvalidRequest."""
    conversations = [load_conversation(plan.directory, name) for name in plan.names]
    seconds = 0.0
    lines: list[Line] = []
    for conversation in conversations:
        with _open(settings, conversation.name) as mos:
            fed = _feed(mos, TenantId(f"bench-{conversation.name}"), conversation)
            seconds += fed.seconds
            lines += _ask(mos, conversation, fed, top_k=plan.top_k)
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
    if out.is_dir() or not out.parent.is_dir():
        raise InvalidRequest(f"cannot write {out}; name a file in a directory that exists")


def write_run(out: Path, lines: Iterable[Line]) -> None:
    """One JSON object a line."""
    out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _open(settings: Settings, name: str) -> MOS:
    """A tenant for each conversation, so that none is found in another's."""
    config = MOSConfig(user_id=_USER, enable_mem_scheduler=True)
    mos = MOS(config, settings=settings.model_copy(update={"tenant": f"bench-{name}"}))
    mos.create_cube_for_user(_USER, owner_id=_USER)
    return mos


def _feed(mos: MOS, tenant: TenantId, conversation: RecordedConversation) -> _Fed:
    started = time.perf_counter()
    jobs = [mos.add([turn.as_message()], session_id=turn.session).job_id for turn in conversation.turns]
    for added in mos.wait(jobs, timeout_s=_WAIT_S):
        _require_done(added)
    seconds = time.perf_counter() - started
    names = [turn.name for turn in conversation.turns]
    ids = [message_id(tenant, CubeId(_USER), job, 0) for job in jobs]
    return _Fed(seconds=seconds, turn_of=dict(zip(ids, names, strict=True)))


def _require_done(added: Added) -> None:
    if added.state is not JobState.SUCCEEDED:
        raise Unavailable("worker", f"job {added.job_id} is {added.state} after {_WAIT_S:g} s; see `memos jobs`")


def _ask(mos: MOS, conversation: RecordedConversation, fed: _Fed, *, top_k: int) -> Iterator[Line]:
    mos.search("warm up", top_k=top_k)
    for number, question in enumerate(conversation.questions):
        began_s = time.perf_counter()
        [shelf] = mos.search(question, top_k=top_k)["text_mem"]
        elapsed_ms = (time.perf_counter() - began_s) * 1000
        results = [{"sources": _turns_of(item, fed)} for item in shelf["memories"]]
        yield {"conv": conversation.name, "qa": number, "results": results, "ms": round(elapsed_ms, 3)}


def _turns_of(item: Any, fed: _Fed) -> Sequence[str]:
    return [fed.turn_of[MessageId(source.message_id)] for source in item.sources]
