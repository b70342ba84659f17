"""A session's last turns, from the mailbox and the graph: each once, in the order of speech."""

from dataclasses import dataclass
from typing import Any, cast

from memos.clock import ManualClock
from memos.errors import Unavailable
from memos.ids import JobId, UserId
from memos.mem_os.history import SessionHistory
from memos.mem_scheduler.base import Scheduler
from memos.memories.textual.payload import messages_of
from memos.memories.textual.stores import TextStores
from memos.memories.textual.write_job import WriteJob
from memos.memories.textual.writer import TextWriter
from memos.types import Lane
from tests.support.text import LANE, USER, DictationReader, forget, open_twins


@dataclass
class Waiting:
    """The mailbox of a lane, as far as a history asks for it."""

    payloads: list[dict[str, Any]]

    def pending_payloads(self, lane: Lane) -> list[dict[str, Any]]:
        return self.payloads if lane == LANE else []


class AwayReader(DictationReader):
    def read(self, conversations: object) -> Any:
        raise Unavailable("llm", "gone")


def payload(*texts: str, user: UserId = USER, at_ms: int = 0) -> dict[str, Any]:
    said = [{"role": "user", "content": text, "speaker": "Ana", "said_at_ms": at_ms} for text in texts]
    return {"user": user, "messages": said}


def attempt(stores: TextStores, job: str, given: dict[str, Any], *, away: bool) -> None:
    reader = (AwayReader if away else DictationReader)(keeps_answers=True)
    messages = messages_of(LANE, JobId(job), given)
    work = WriteJob(job=JobId(job), user=given["user"], messages=messages)
    try:
        TextWriter(stores, ManualClock()).write(LANE, [work], reader, fence=None, keep=forget)
    except Unavailable:
        assert away


def shown(stores: TextStores, *waiting: dict[str, Any], limit: int = 10) -> list[str]:
    scheduler = cast(Scheduler, Waiting(list(waiting)))
    history = SessionHistory(graph=stores.graph, scheduler=scheduler, cleared_ms=lambda lane, user: 0)
    return [turn["content"] for turn in history.last_turns(LANE, USER, limit=limit)]


def test_what_waits_for_a_model_is_in_mailbox_and_graph_and_is_told_once() -> None:
    stores = open_twins()
    early, first, second = (payload(text, at_ms=n) for n, text in enumerate(("early", "first", "second"), start=1))
    attempt(stores, "j0", early, away=False)
    attempt(stores, "j1", first, away=True)
    assert shown(stores, first, second) == ["early", "first", "second"]
    assert shown(stores, first, second, limit=3) == ["early", "first", "second"]
    attempt(stores, "j1", first, away=False)
    assert shown(stores, second) == ["early", "first", "second"]


def test_the_same_words_said_again_are_another_turn() -> None:
    stores = open_twins()
    attempt(stores, "j1", payload("yes", at_ms=1), away=False)
    assert shown(stores, payload("yes", at_ms=2)) == ["yes", "yes"]
