"""Which memories a pruning takes, and why. Pure.

    age          stored longer ago than ``max_age_days``
    importance   less important now than ``below_importance``
    size         beyond the best ``keep`` of what is left: active before archived, important before less so, then new
                 before old

What is pinned, instructions and working memory are spared, and are among those that ``keep`` counts.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from memos.errors import InvalidRequest
from memos.organize.decay import DAY_MS, importance_now, is_spared
from memos.types import Memory, MemoryStatus


class Reason(StrEnum):
    """Why a memory is pruned: the first of these that holds."""

    AGE = "age"
    IMPORTANCE = "importance"
    SIZE = "size"


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneRules:
    """What may stay; None asks for nothing."""

    max_age_days: float | None = None
    below_importance: float | None = None
    keep: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """When importances are compared, and how fast they fade until then."""

    now_ms: int
    half_life_days: float

    def importance(self, memory: Memory) -> float:
        """How important the memory is at this moment."""
        return importance_now(memory, half_life_days=self.half_life_days, now_ms=self.now_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """A memory that is to go, and why."""

    memory: Memory
    reason: Reason


def parse_rules(*, max_age_days: Any = None, below_importance: Any = None, keep: Any = None) -> PruneRules:
    """The rules that a caller gave, if any. Raises InvalidRequest for an impossible one."""
    if max_age_days is not None and not (_is_number(max_age_days) and max_age_days > 0):
        raise InvalidRequest(f"the age must be a number of days above 0, not {max_age_days!r:.40}")
    if below_importance is not None and not (_is_number(below_importance) and 0 < below_importance <= 1):
        raise InvalidRequest(f"the importance must be above 0 and at most 1, not {below_importance!r:.40}")
    if keep is not None and not (isinstance(keep, int) and not isinstance(keep, bool) and keep >= 1):
        raise InvalidRequest(f"the number to keep must be a whole number from 1, not {keep!r:.40}")
    return PruneRules(max_age_days=max_age_days, below_importance=below_importance, keep=keep)


def plan(memories: Sequence[Memory], rules: PruneRules, moment: Moment) -> list[Pruned]:
    """The memories of one cube that are to go: by age and importance in the order given, then the surplus."""
    reasons = [(memory, _reason(memory, rules, moment)) for memory in memories]
    outlived = [Pruned(memory=memory, reason=reason) for memory, reason in reasons if reason is not None]
    left = [memory for memory, reason in reasons if reason is None]
    return [*outlived, *(Pruned(memory=memory, reason=Reason.SIZE) for memory in _surplus(left, rules, moment))]


def count_reasons(pruned: Collection[Pruned]) -> dict[str, int]:
    """How many memories go for each reason, also for one that takes none."""
    counted = Counter(each.reason for each in pruned)
    return {reason.value: counted[reason] for reason in Reason}


def _reason(memory: Memory, rules: PruneRules, moment: Moment) -> Reason | None:
    if is_spared(memory):
        return None
    if rules.max_age_days is not None and memory.created_at_ms < moment.now_ms - rules.max_age_days * DAY_MS:
        return Reason.AGE
    if rules.below_importance is not None and moment.importance(memory) < rules.below_importance:
        return Reason.IMPORTANCE
    return None


def _surplus(memories: Sequence[Memory], rules: PruneRules, moment: Moment) -> list[Memory]:
    """The worst first, as many as there are too many."""
    if rules.keep is None:
        return []

    def worth(memory: Memory) -> tuple[bool, float, int, str]:
        return memory.status is MemoryStatus.ACTIVATED, moment.importance(memory), memory.created_at_ms, memory.id

    may_go = sorted((memory for memory in memories if not is_spared(memory)), key=worth)
    return may_go[: max(len(memories) - rules.keep, 0)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
