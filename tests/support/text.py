"""What tests of textual memory are made of: twins, a deterministic embedder, a reader that takes dictation."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import sqrt
from threading import Event
from typing import Any

from memos.clock import ManualClock
from memos.embedders.base import Purpose
from memos.errors import Unavailable
from memos.graph_dbs.memory import MemoryGraph
from memos.ids import CubeId, JobId, SessionId, TenantId, UserId, message_id
from memos.mem_reader.base import Conversation, Fact
from memos.memories.textual.stores import TextStores
from memos.memories.textual.write_job import WriteJob
from memos.memories.textual.writer import TextWriter
from memos.types import Lane, Message, Role
from memos.vec_dbs.memory import MemoryIndex

LANE = Lane(tenant=TenantId("acme"), cube=CubeId("notes"), session=SessionId("s1"))
USER = UserId("ana")


class WordEmbedder:
    """Unit vectors in which texts that share words are near: a bag of hashed words."""

    model = "words"
    dimension = 64

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[list[float]]:
        self.batches.append(len(texts))
        return [self._embed_one(text) for text in texts]

    def _embed_one(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        for word in text.lower().split():
            vector[sha256(word.strip(".,?!").encode()).digest()[0] % self.dimension] += 1.0
        length = sqrt(sum(value * value for value in vector)) or 1.0
        return [value / length for value in vector]


class DictationReader:
    """Each message is a fact, word for word; counts how often it was asked."""

    def __init__(self, *, keeps_answers: bool = False) -> None:
        self.keeps_answers = keeps_answers
        self.llm = None
        self.calls: list[int] = []

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        self.calls.append(len(conversations))
        return [
            [Fact(text=message.text, evidence=(position,)) for position, message in enumerate(item.messages)]
            for item in conversations
        ]


class Patchy(MemoryIndex):
    """An index of which one half, or both, can be away or silent."""

    def __init__(self, *, dense: bool = True, text: bool = True, silent: Event | None = None) -> None:
        super().__init__()
        self.dense, self.text, self.silent = dense, text, silent

    def search_dense(self, *args: Any, **options: Any) -> Any:
        if not self.dense:
            raise Unavailable("milvus", "no dense search")
        return super().search_dense(*args, **options)

    def search_text(self, *args: Any, **options: Any) -> Any:
        if self.silent is not None:
            self.silent.wait()
        if not self.text:
            raise Unavailable("milvus", "no text search")
        return super().search_text(*args, **options)


def open_twins(embedder: WordEmbedder | None = None) -> TextStores:
    """Graph and index in RAM."""
    stores = TextStores(graph=MemoryGraph(), index=MemoryIndex(), embedder=embedder or WordEmbedder())
    stores.ensure()
    return stores


def work(job: str, *texts: str, lane: Lane = LANE, user: UserId = USER, answer: str | None = None) -> WriteJob:
    """A job of user messages, a second apart."""
    messages = tuple(
        Message(
            id=message_id(lane.tenant, lane.cube, JobId(job), position),
            role=Role.USER,
            text=text,
            speaker="Ana",
            said_at_ms=1_700_000_000_000 + position * 1000,
        )
        for position, text in enumerate(texts)
    )
    return WriteJob(job=JobId(job), user=user, messages=messages, answer=answer)


def write(stores: TextStores, *jobs: WriteJob, lane: Lane = LANE, reader: DictationReader | None = None) -> None:
    """Apply jobs as one batch, unfenced."""
    TextWriter(stores, ManualClock()).write(lane, jobs, reader or DictationReader(), fence=None, keep=forget)


def forget(answers: Mapping[JobId, str]) -> None:
    """Keeps no answer."""
