"""A cube of the graph's twin in RAM: its nodes, and the edges between them. No locks here: whoever calls holds one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from memos.ids import JobId, MemoryId, MessageId, SessionId, UserId
from memos.organize.revise import subject_of
from memos.organize.surroundings import is_plain
from memos.types import Edge, Memory, Message, Source


@dataclass(kw_only=True, slots=True)
class Lane:
    """The newest fences that wrote into a session, and the number of its next message."""

    fence: int = 0
    bulk_fence: int = 0
    next_seq: int = 1

    def raise_fence(self, fence: int | None, *, bulk: bool) -> bool:
        """False, and nothing changed, when a larger one has been seen."""
        seen = self.bulk_fence if bulk else self.fence
        if fence is not None and fence < seen:
            return False
        if bulk:
            self.bulk_fence = max(seen, fence or 0)
        else:
            self.fence = max(seen, fence or 0)
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A message in its place."""

    session: SessionId
    seq: int
    user: UserId
    message: Message

    @property
    def place(self) -> tuple[SessionId, int]:
        """Its session, and its number in it."""
        return self.session, self.seq

    @property
    def age(self) -> tuple[int, int]:
        """Sorts the oldest first."""
        return self.message.said_at_ms, self.seq

    def as_source(self) -> Source:
        """The message as what a memory rests on."""
        return Source(
            message_id=self.message.id,
            session=self.session,
            role=self.message.role,
            speaker=self.message.speaker,
            text=self.message.text,
            said_at_ms=self.message.said_at_ms,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Cube:
    """A cube's nodes; ``edges`` lead from memories to messages, ``relations`` from memories to memories."""

    memories: dict[MemoryId, Memory] = field(default_factory=dict[MemoryId, Memory])
    turns: dict[MessageId, Turn] = field(default_factory=dict[MessageId, Turn])
    edges: dict[MemoryId, list[MessageId]] = field(default_factory=dict[MemoryId, list[MessageId]])
    jobs: dict[JobId, list[MemoryId]] = field(default_factory=dict[JobId, list[MemoryId]])
    doers: dict[JobId, UserId] = field(default_factory=dict[JobId, UserId])
    relations: dict[Edge, None] = field(default_factory=dict[Edge, None])
    subjects: dict[str | None, set[MemoryId]] = field(default_factory=dict[str | None, set[MemoryId]])
    fresh: dict[MemoryId, None] = field(default_factory=dict[MemoryId, None])
    lanes: dict[SessionId, Lane] = field(default_factory=dict[SessionId, Lane])

    def keep(self, memory: Memory) -> None:
        """Write a memory, and under its subject its id, which stays there when the subject changes."""
        self.memories[memory.id] = memory
        self.subjects.setdefault(subject_of(memory), set()).add(memory.id)

    def about(self, subject: str) -> Iterator[Memory]:
        """The memories that have this subject now."""
        for memory in self.subjects.get(subject, ()):
            if memory in self.memories and subject_of(self.memories[memory]) == subject:
                yield self.memories[memory]

    def put(self, memory: Memory) -> None:
        """Write a memory in the place of what has its id, sources included."""
        self.edges.pop(memory.id, None)
        self.keep(memory)
        self.fresh.pop(memory.id, None)
        self.fresh.update(dict.fromkeys([memory.id] if is_plain(memory) else []))

    def derive(self, memory: MemoryId, sources: Sequence[MessageId]) -> None:
        """Have a memory rest on these messages as well."""
        edges = self.edges.setdefault(memory, [])
        edges.extend(each for each in sources if each in self.turns and each not in edges)

    def turns_of(self, memory: MemoryId) -> list[Turn]:
        """What a memory rests on, oldest first."""
        return sorted((self.turns[message] for message in self.edges.get(memory, [])), key=lambda turn: turn.age)

    def context_of(self, memory: MemoryId, places: Mapping[tuple[SessionId, int], Turn]) -> list[Turn]:
        """What a memory rests on, each behind the turn before it in its session, in the order of speech."""
        wanted = {(turn.session, seq) for turn in self.turns_of(memory) for seq in (turn.seq - 1, turn.seq)}
        return [places[place] for place in sorted(wanted & places.keys())]

    def resting_on(self, said: Iterable[Turn]) -> list[MemoryId]:
        """The memories that rest on one of these turns, or on the one after it in its session."""
        places = {(turn.session, seq) for turn in said for seq in (turn.seq, turn.seq + 1)}
        around = {each for each, turn in self.turns.items() if turn.place in places}
        return [memory for memory, sources in self.edges.items() if not around.isdisjoint(sources)]
