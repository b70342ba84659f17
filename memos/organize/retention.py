"""How long a cube's memories stay active: what the cube says goes before what its installation says. Pure.

                    the cube   the installation   what holds
max_age_days              30                365           30
below_importance           0                0.1     no limit    0 sets none, whatever the other says
keep                       -             10,000       10,000    None leaves it to the other
"""

from dataclasses import dataclass
from typing import TypeVar

from memos.errors import InvalidRequest
from memos.organize.prune import PruneRules
from memos.settings import Settings

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """Limits in the words of PruneRules, each 0 for no limit, and None where nothing is said."""

    max_age_days: float | None = None
    below_importance: float | None = None
    keep: int | None = None


def common_retention(settings: Settings) -> Retention:
    """What the installation says for all of its cubes."""
    return Retention(
        max_age_days=settings.retention_days,
        below_importance=settings.archive_below,
        keep=settings.retention_memories,
    )


def choose(own: Retention | None, common: Retention) -> PruneRules:
    """What holds for a cube, limit by limit: its own word, else the common one."""
    said = own or Retention()
    return PruneRules(
        max_age_days=_limit(said.max_age_days, common.max_age_days),
        below_importance=_limit(said.below_importance, common.below_importance),
        keep=_limit(said.keep, common.keep),
    )


def check_deletion(asked: PruneRules) -> None:
    """Raise InvalidRequest for a deletion that asks for no rule: a retention only archives."""
    if asked == PruneRules():
        raise _ruleless("a retention deletes nothing")


def rules_of(asked: PruneRules, held: PruneRules) -> PruneRules:
    """The rules of one pruning: those that were asked for, alone, else the retention that holds.

    Raises InvalidRequest when there is none.
    """
    if asked != PruneRules():
        return asked
    if held == PruneRules():
        raise _ruleless("no retention holds for the cube")
    return held


def _limit(own: _Number | None, common: _Number | None) -> _Number | None:
    return (common if own is None else own) or None


def _ruleless(why: str) -> InvalidRequest:
    return InvalidRequest(f"nothing says what to prune, and {why}; give an age, an importance or a number to keep")
