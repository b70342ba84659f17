"""Raw turns that a model has yet to read: memories by rules, which facts refine (memos/organize/refine.py). Pure.

They are found like any other memory. They revise nothing, are not revised, and no reorganisation looks at them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from memos.ids import JobId
from memos.types import Memory

# The tag of ours, as the sessions that start so are ours.
PROVISIONAL_TAG: Final = "~raw"
PROVISIONAL_CONFIDENCE: Final = 0.5


def is_provisional(memory: Memory) -> bool:
    """Whether no model has read yet what it rests on."""
    return PROVISIONAL_TAG in memory.tags


def provisional(memory: Memory) -> Memory:
    """The memory until a model has read what it rests on."""
    return replace(memory, tags=(*memory.tags, PROVISIONAL_TAG), confidence=PROVISIONAL_CONFIDENCE)


def final_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags without the mark."""
    return tuple(tag for tag in tags if tag != PROVISIONAL_TAG)


def raw_job(job: JobId) -> JobId:
    """Whose witness says that a job's raw turns are written; the ids of its provisional memories come from it too."""
    return JobId(f"{job}~raw")
