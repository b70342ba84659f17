"""The first pass over a job that a model is to read: its messages, and memories of them by rules. Pure.

messages ──> rules ──> provisional memories ──> written as a job of their own, and found at once
                                                   │ the model has answered
                                                   └──> refined (memos/organize/refine.py)
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from memos.graph_dbs.base import JobWrite
from memos.ids import MemoryId
from memos.mem_reader.rules import RulesReader
from memos.memories.textual.write_job import WriteJob, build_memories
from memos.organize.provisional import provisional, raw_job
from memos.organize.refine import Provisional
from memos.types import Lane, Memory


def build_raw(lane: Lane, item: WriteJob, now_ms: int) -> JobWrite:
    """A job's raw turns. Rules find nothing in a greeting or a question: these are kept as messages alone."""
    own = replace(item, job=raw_job(item.job))
    (facts,) = RulesReader().read([own.conversation])
    memories = tuple(provisional(memory) for memory in build_memories(lane, own, facts, now_ms))
    return JobWrite(job=own.job, user=item.user, messages=item.messages, memories=memories)


def compare_raw(
    drafts: Iterable[Memory], written: Iterable[MemoryId], stored: Mapping[MemoryId, Memory]
) -> list[Provisional]:
    """What became of the provisional memories that were written.

    One that today's rules would not draft, because another version of them wrote it, counts as it is.
    """
    known = {**stored, **{draft.id: draft for draft in drafts}}
    return [Provisional(draft=known[each], stored=stored.get(each)) for each in written if each in known]
