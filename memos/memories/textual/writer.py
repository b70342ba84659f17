"""From messages to memories, once: read, write the graph, embed, fill the index.

    find_applied ──> raw turns ──> read (stored answers are replayed) ──> refine ──> revise ──> apply
         │              └──> apply, if a model is to be asked
         └── applied already: what the index lacks is written
    apply: graph (one fenced transaction) ──> embed ──> index

A reader that asks a model may take its time, or fail. So the messages, and what rules find in them, are written first:
they are found at once, and facts refine them. Any other reader writes everything in one pass.

A crash between any two steps is repaired by running the same jobs again: ids are derived from the job, the graph
refuses a second effect of either pass, and the index catches up from the graph.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from memos.clock import Clock
from memos.graph_dbs.base import JobWrite
from memos.ids import CubeId, JobId, MemoryId, TenantId
from memos.mem_reader.base import Reader
from memos.memories.textual.answers import Answer, parse_answer
from memos.memories.textual.indexing import Indexer
from memos.memories.textual.raw import build_raw, compare_raw
from memos.memories.textual.revising import Reviser, Told
from memos.memories.textual.stores import TextStores
from memos.memories.textual.write_job import WriteJob, build_memories
from memos.organize.decay import DecayPolicy
from memos.organize.decisions import Decision
from memos.organize.judge import Judge
from memos.organize.provisional import raw_job
from memos.organize.refine import Provisional, find_leftover, refine
from memos.organize.revise import Revised
from memos.organize.surroundings import Place
from memos.types import Lane, Memory

KeepAnswers = Callable[[Mapping[JobId, str]], None]
"""Stores each job's answer before it is applied."""


class TextWriter(Indexer):
    """Applies extract jobs of one lane; safe to repeat."""

    def __init__(self, stores: TextStores, clock: Clock) -> None:
        super().__init__(stores)
        self._clock = clock
        self._reviser = Reviser(stores)

    def write(
        self, lane: Lane, jobs: Sequence[WriteJob], reader: Reader, *, fence: int | None, keep: KeepAnswers
    ) -> dict[JobId, list[MemoryId]]:
        """Apply the jobs in order and return the memories of each, written by it or said again.

        One reading, one embedding batch, one transaction and one upsert for all of them, and the same once before for
        raw turns. What they say anew of something known, or again, revises earlier memories
        (memos/organize/revise.py); the reader's model, where there is one, judges what rules leave open. Raises Fenced
        when a newer holder of the lane has written, Unavailable when a store or the model is away; then nothing is half
        done that the next attempt does not complete.
        """
        applied = self._find_applied(lane, jobs)
        if applied:
            self.index_lagging(lane.tenant, lane.cube)
        fresh = [item for item in jobs if item.job not in applied]
        raw = self._write_raw(lane, fresh, applied, reader, fence)
        answers = self._read(lane, fresh, reader, keep)
        provisional = self._find_provisional(lane, raw, applied)
        refined = self._refine(lane, fresh, answers, provisional)
        revised = self._revise(lane, answers, refined, judge_of(reader), keep)
        now_ms = self._clock.now_ms()
        writes = [_build_write(item, revised[item.job], provisional.get(item.job), now_ms) for item in fresh]
        self._apply(lane, writes, fence)
        written = {write.job: write.memory_ids for write in writes}
        return {item.job: written.get(item.job) or applied.get(item.job, []) for item in jobs}

    def decay(self, tenant: TenantId, cube: CubeId, policy: DecayPolicy) -> int:
        """Let the importance of a cube's memories fade up to now; returns how many were archived for it.

        Search finds none of those any more; their index rows lag until ``index_lagging``.
        """
        return len(self._stores.graph.decay(tenant, cube, policy, now_ms=self._clock.now_ms()))

    def _find_applied(self, lane: Lane, jobs: Sequence[WriteJob]) -> dict[JobId, list[MemoryId]]:
        """What either pass has written, in one query."""
        passes = [each for item in jobs for each in (item.job, raw_job(item.job))]
        return self._stores.graph.find_applied(lane.tenant, lane.cube, passes)

    def _write_raw(
        self,
        lane: Lane,
        jobs: Sequence[WriteJob],
        applied: Mapping[JobId, Sequence[MemoryId]],
        reader: Reader,
        fence: int | None,
    ) -> dict[JobId, JobWrite]:
        """Have what a model is about to be asked be found before; returns the raw turns that are there now."""
        written = [item for item in jobs if raw_job(item.job) in applied]
        due = [item for item in jobs if item not in written and _asks_first(item, reader)]
        now_ms = self._clock.now_ms()
        raw = {item.job: build_raw(lane, item, now_ms) for item in (*written, *due)}
        self._apply(lane, [raw[item.job] for item in due], fence)
        return raw

    def _read(self, lane: Lane, jobs: Sequence[WriteJob], reader: Reader, keep: KeepAnswers) -> dict[JobId, Answer]:
        answers = {item.job: parse_answer(item.answer) for item in jobs if item.answer is not None}
        unread = [item for item in jobs if item.answer is None]
        if not unread:
            return answers
        found = self._reader_of(lane, reader).read([item.conversation for item in unread])
        read = {item.job: Answer(facts=tuple(facts)) for item, facts in zip(unread, found, strict=True)}
        if reader.keeps_answers:
            keep({job: answer.model_dump_json() for job, answer in read.items()})
        return answers | read

    def _reader_of(self, lane: Lane, reader: Reader) -> Reader:
        """The reader that does what the cube wants now; a stored answer is what was wanted when it was given."""
        own = None if reader.llm is None else self._stores.graph.find_reading(lane.tenant, lane.cube)
        return reader if own is None else reader.for_cube(own)

    def _find_provisional(
        self, lane: Lane, raw: Mapping[JobId, JobWrite], applied: Mapping[JobId, Sequence[MemoryId]]
    ) -> dict[JobId, list[Provisional]]:
        """Of each job whose raw turns are there, what became of them while the model was asked."""
        ids = {job: applied.get(write.job, write.memory_ids) for job, write in raw.items()}
        every = [memory for found in ids.values() for memory in found]
        stored = self._stores.graph.find_memories(lane.tenant, lane.cube, every) if every else {}
        return {job: compare_raw(write.memories, ids[job], stored) for job, write in raw.items()}

    def _refine(
        self,
        lane: Lane,
        jobs: Sequence[WriteJob],
        answers: Mapping[JobId, Answer],
        provisional: Mapping[JobId, Sequence[Provisional]],
    ) -> dict[JobId, list[Memory]]:
        """The memories of each job's facts, under the ids that they keep or take over."""
        now_ms = self._clock.now_ms()
        built = {item.job: build_memories(lane, item, answers[item.job].facts, now_ms) for item in jobs}
        return {job: refine(memories, provisional.get(job, ()), now_ms=now_ms) for job, memories in built.items()}

    def _revise(
        self,
        lane: Lane,
        answers: Mapping[JobId, Answer],
        refined: Mapping[JobId, Sequence[Memory]],
        judge: Judge | None,
        keep: KeepAnswers,
    ) -> dict[JobId, Revised]:
        """Each job's memories without repetitions, and what they change of those that are known."""

        def keep_decisions(decided: Mapping[JobId, tuple[Decision, ...]]) -> None:
            told = {job: answers[job].model_copy(update={"decisions": each}) for job, each in decided.items()}
            keep({job: answer.model_dump_json() for job, answer in told.items()})

        told = [
            Told(job=job, memories=tuple(memories), decisions=answers[job].decisions)
            for job, memories in refined.items()
        ]
        place = Place(tenant=lane.tenant, cube=lane.cube)
        revised = self._reviser.revise(place, told, judge, keep_decisions)
        return dict(zip(refined, revised, strict=True))

    def _apply(self, lane: Lane, writes: Sequence[JobWrite], fence: int | None) -> None:
        """One transaction, and then the index."""
        if not writes:
            return
        self._stores.graph.apply_jobs(lane.tenant, lane.cube, lane.session, writes, fence=fence, bulk=lane.bulk)
        self.index(lane.tenant, lane.cube, self._list_written(lane, writes))

    def _list_written(self, lane: Lane, writes: Sequence[JobWrite]) -> list[Memory]:
        """The memories that are new, and those that were there already, as they are now."""
        written = {memory.id: memory for write in writes for memory in write.made}
        rewritten = [memory.id for write in writes for memory in write.rewritten]
        revised = [memory for write in writes for memory in write.revision.changed]
        if rewritten or revised:
            written |= self._stores.graph.find_memories(lane.tenant, lane.cube, [*rewritten, *revised])
        return list(written.values())


def judge_of(reader: Reader) -> Judge | None:
    """Who judges what rules leave open: the reader's model."""
    return None if reader.llm is None else Judge(reader.llm)


def _asks_first(item: WriteJob, reader: Reader) -> bool:
    """Whether a model is to be asked, and a later attempt may go on where this one fails."""
    return reader.keeps_answers and item.repeatable and item.answer is None


def _build_write(item: WriteJob, revised: Revised, provisional: Sequence[Provisional] | None, now_ms: int) -> JobWrite:
    """All that a job does. Where its raw turns are there already, its messages are too."""
    if provisional is None:
        return JobWrite(
            job=item.job, user=item.user, messages=item.messages, memories=revised.memories, revision=revised.revision
        )
    left = find_leftover(provisional, revised, now_ms=now_ms)
    return JobWrite(
        job=item.job,
        user=item.user,
        messages=(),
        memories=revised.memories,
        revision=replace(revised.revision, edges=(*revised.revision.edges, *left.edges)),
        taken_over=frozenset(each.draft.id for each in provisional),
        archived=left.archived,
    )
