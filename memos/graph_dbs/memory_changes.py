"""What jobs, plans and forgetting do to a cube of the graph's twin in RAM. No locks here: whoever calls holds one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from memos.graph_dbs.base import JobWrite, SaidCounts
from memos.graph_dbs.memory_cube import Cube, Lane, Turn
from memos.ids import MemoryId, SessionId, UserId
from memos.organize.forget import loosen
from memos.organize.plan import Plan
from memos.organize.revise import end, reinforce
from memos.organize.surroundings import is_summary
from memos.types import EdgeType, MemoryStatus


def apply(kept: Cube, lane: Lane, session: SessionId, write: JobWrite) -> None:
    """Write one job into its session's lane."""
    for message in write.messages:
        turn = Turn(session=session, seq=lane.next_seq, user=write.user, message=message)
        kept.turns.setdefault(message.id, turn)
        lane.next_seq += 1
    for memory in write.made:
        if write.replaces or memory.id not in kept.memories:
            kept.put(memory)
        kept.derive(memory.id, memory.source_ids)
    for memory in write.rewritten:
        if memory.id in kept.memories and kept.memories[memory.id].version == memory.version - 1:
            kept.put(memory)
            kept.derive(memory.id, memory.source_ids)
    _revise(kept, write)
    kept.jobs[write.job] = write.memory_ids
    kept.doers[write.job] = write.user


def holds(kept: Cube, plan: Plan) -> bool:
    """Whether everything is as the plan found it, and nothing of what it makes is there."""
    versions = {each: kept.memories[each].version for each in plan.rests_on if each in kept.memories}
    is_new = not any(memory.id in kept.memories for memory in plan.made)
    return versions == plan.rests_on and is_new and all(each in kept.fresh for each in plan.seen)


def carry_out(kept: Cube, plan: Plan) -> None:
    """Do all that a plan says."""
    for summary in plan.refreshed:
        kept.edges.pop(summary.memory.id, None)
    for memory in (*plan.written, *plan.made):
        kept.keep(memory)
        kept.derive(memory.id, memory.source_ids)
    retired = {memory.id for memory in plan.retired}
    ended = {*plan.unlinked, *(edge for edge in kept.relations if retired & {edge.source, edge.target})}
    for edge in ended & kept.relations.keys():
        del kept.relations[edge]
    kept.relations.update(dict.fromkeys(plan.edges))
    for memory in retired:
        del kept.memories[memory]
        kept.edges.pop(memory, None)
    for seen in plan.seen:
        del kept.fresh[seen]


def delete(kept: Cube, ids: Sequence[MemoryId]) -> int:
    """Remove memories for good; how many there were."""
    _hide_summaries(kept, ids)
    for memory in ids:
        kept.fresh.pop(memory, None)
        kept.edges.pop(memory, None)
    for edge in [edge for edge in kept.relations if edge.source in ids or edge.target in ids]:
        del kept.relations[edge]
    return sum(kept.memories.pop(memory, None) is not None for memory in ids)


def forget(kept: Cube, user: UserId, *, now_ms: int) -> SaidCounts:
    """Remove a user's messages and jobs; what rests on these messages is loosened from them."""
    said = {each: turn for each, turn in kept.turns.items() if turn.user == user}
    for memory in kept.resting_on(said.values()):
        turns = [turn for turn in kept.turns_of(memory) if turn.message.id not in said]
        others = [turn.user for turn in turns]
        kept.keep(loosen(kept.memories[memory], said, others, user=user, now_ms=now_ms))
        kept.edges[memory] = [turn.message.id for turn in turns]
    for each in said:
        del kept.turns[each]
    jobs = [job for job, doer in kept.doers.items() if doer == user]
    for job in jobs:
        del kept.jobs[job], kept.doers[job]
    return SaidCounts(messages=len(said), jobs=len(jobs))


def _revise(kept: Cube, write: JobWrite) -> None:
    memories = kept.memories
    for again in (each for each in write.revision.reinforced if each.memory in memories):
        memories[again.memory] = reinforce(memories[again.memory], again)
        kept.derive(again.memory, again.source_ids)
    for ending in (each for each in write.revision.ended if each.memory in memories):
        memories[ending.memory] = end(memories[ending.memory], ending)
        kept.fresh[ending.memory] = None
    edges = (each for each in write.revision.edges if each.source in memories and each.target in memories)
    kept.relations.update(dict.fromkeys(edges))


def _hide_summaries(kept: Cube, ids: Iterable[MemoryId]) -> None:
    """Archive the summaries of memories that go, and have them made anew."""
    pairs = {(edge.source, edge.target) for edge in kept.relations if edge.type is EdgeType.PARENT}
    for parent in sorted({source for source, target in pairs if target in ids and target in kept.memories}):
        if is_summary(kept.memories[parent]):
            hidden = kept.memories[parent]
            kept.memories[parent] = replace(hidden, status=MemoryStatus.ARCHIVED, version=hidden.version + 1)
            kept.fresh[parent] = None
