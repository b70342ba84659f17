"""A language model decides what the rules cannot tell: whether new memories repeat, replace or contradict known ones.

    rules ──> what they leave open, of each user ──> one call ──> checked ──> decisions ──> revise (revise.py)
                        │ nothing, or nothing known                  │ unusable, or the model is away
                        └──> no call                                 └──> the rules have decided

A decision is stored before it is followed, and followed only as far as memos/organize/decisions.py lets it be.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from memos.errors import InvalidRequest, QuotaExceeded, Unavailable
from memos.ids import MemoryId
from memos.llms.base import LLM
from memos.organize.decisions import Decision, may_concern
from memos.organize.judgement import (
    Judged,
    Question,
    UnusableJudgementError,
    build_material,
    build_schema,
    parse_judgement,
)
from memos.organize.revise import revise
from memos.organize.rules import holds_from_ms
from memos.organize.surroundings import is_plain
from memos.prompts import load_prompt
from memos.types import Memory

logger = logging.getLogger(__name__)

PROMPT_VERSION: Final = "judge_v1"
MAX_NEW: Final = 100
MAX_KNOWN: Final = 60
# What is longer is no fact but a raw turn, and is compared with nothing: half of it would be judged as the whole.
MAX_TEXT_CHARS: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What was decided in how many calls, and why something was left to the rules alone (empty when nothing was)."""

    decisions: tuple[Decision, ...] = ()
    calls: int = 0
    degraded: tuple[str, ...] = ()


class Judge:
    """Asks a model once for all that a user's new memories leave open; never fails a job.

    Counts, since it was made, the ``dropped`` decisions and the ``unusable`` answers; one that did not come is one.
    """

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self._dropped = 0
        self._unusable = 0

    @property
    def dropped(self) -> int:
        """How many decisions were not of the schema, or spoke of what was not offered."""
        return self._dropped

    @property
    def unusable(self) -> int:
        """How many answers could not be used, or did not come."""
        return self._unusable

    def decide(self, jobs: Sequence[Sequence[Memory]], known: Iterable[Memory]) -> Judgement:
        """What the rules leave open of each job's new memories, given what is known near them.

        To be stored before it is given to ``revise`` (revise.py): a model answers differently each time.
        """
        questions = list(build_questions(jobs, list(known)))
        decisions: list[Decision] = []
        degraded: list[str] = []
        for question in questions:
            try:
                decisions += self._ask(question).decisions
            except (Unavailable, QuotaExceeded, InvalidRequest, UnusableJudgementError) as error:
                self._unusable += 1
                logger.warning("%d new memories are judged by rules alone: %s", len(question.new), error)
                degraded.append(f"judge: {error}")
        return Judgement(decisions=tuple(decisions), calls=len(questions), degraded=tuple(degraded))

    def _ask(self, question: Question) -> Judged:
        chat = [
            {"role": "system", "content": load_prompt("memos.organize", PROMPT_VERSION)},
            {"role": "user", "content": build_material(question)},
        ]
        judged = parse_judgement(self._llm.generate(chat, json_schema=build_schema(question)), question)
        self._dropped += judged.dropped
        if judged.dropped:
            logger.warning("%d decisions of %s were dropped: not as the schema says", judged.dropped, self._llm.model)
        return judged


def build_questions(jobs: Sequence[Sequence[Memory]], known: Sequence[Memory]) -> Iterator[Question]:
    """One for each user of whose new memories something is open, and of whom something near is known; pure.

    With more than MAX_NEW there are several. Of ``known``, whose order says which matter most, MAX_KNOWN are shown.
    """
    opened = find_open(jobs, known)
    fresh = {memory.id for job in jobs for memory in job}
    candidates = [memory for memory in known if memory.id not in fresh and _is_comparable(memory)]
    for user in dict.fromkeys(memory.user for memory in opened):
        own = [memory for memory in opened if memory.user == user]
        for start in range(0, len(own), MAX_NEW):
            new = own[start : start + MAX_NEW]
            near = [each for each in candidates if any(_may_meet(memory, each) for memory in new)][:MAX_KNOWN]
            if near:
                yield Question(known=tuple(sorted(near, key=_order_told)), new=tuple(new))


def find_open(jobs: Sequence[Sequence[Memory]], known: Sequence[Memory]) -> list[Memory]:
    """The new memories that the rules neither count as repetitions nor relate to others; pure."""
    by_rules = revise(jobs, known)
    related = {end for each in by_rules for edge in each.revision.edges for end in (edge.source, edge.target)}
    written: dict[MemoryId, Memory] = {memory.id: memory for each in by_rules for memory in each.memories}
    return [memory for memory in written.values() if memory.id not in related and _is_comparable(memory)]


def _may_meet(memory: Memory, known: Memory) -> bool:
    """Whether one may concern the other: of one user, and the known one did not end before the new one holds."""
    is_over = known.invalid_at_ms is not None and known.invalid_at_ms <= holds_from_ms(memory)
    return may_concern(memory, known) and not is_over


def _order_told(memory: Memory) -> tuple[int, MemoryId]:
    return memory.said_at_ms, memory.id


def _is_comparable(memory: Memory) -> bool:
    return is_plain(memory) and len(memory.text) <= MAX_TEXT_CHARS
