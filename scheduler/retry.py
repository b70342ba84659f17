"""What becomes of a job whose attempt failed: one table over the error families. Pure.

    InvalidRequest, NotFound, AccessDenied, Corrupt    dead at once: another attempt would meet the same
    QuotaExceeded                                      again after ``retry_after_s``
    Unavailable                                        again for about a day
    Fenced                                             dropped: somebody newer has the job
    anything else                                      three attempts

Delays are exponential with full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015): uniform between 0 and
the bound, so that jobs which failed together do not come back together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from memos import errors

MAX_CRASHES: Final = 5
_MAX_QUOTA_WAIT_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """Try again after ``delay_ms``."""

    delay_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GiveUp:
    """The job is dead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drop:
    """Say nothing and touch nothing: the lane has a newer holder."""


Decision = Again | GiveUp | Drop


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How often an error family is tried in all, and how the waits grow."""

    max_attempts: int
    base_ms: int = 0
    cap_ms: int = 0


# Work goes on soon after an outage ends: no wait is longer than this.
_LONGEST_WAIT_MS: Final = 8_000
_ABOUT_A_DAY: Final = 24 * 3600 * 1000 // (_LONGEST_WAIT_MS // 2)
# First match wins.
RULES: Final[tuple[tuple[type[errors.MemosError], Rule], ...]] = (
    (errors.InvalidRequest, Rule(max_attempts=1)),
    (errors.NotFound, Rule(max_attempts=1)),
    (errors.AccessDenied, Rule(max_attempts=1)),
    (errors.Corrupt, Rule(max_attempts=1)),
    (errors.QuotaExceeded, Rule(max_attempts=_ABOUT_A_DAY, base_ms=250, cap_ms=_LONGEST_WAIT_MS)),
    (errors.Unavailable, Rule(max_attempts=_ABOUT_A_DAY, base_ms=250, cap_ms=_LONGEST_WAIT_MS)),
)
UNKNOWN: Final = Rule(max_attempts=3, base_ms=500, cap_ms=10_000)


def decide(error: Exception, *, attempts: int, random: Callable[[], float]) -> Decision:
    """What to do after the attempt number ``attempts`` (1 for the first); ``random`` is uniform in [0, 1)."""
    if isinstance(error, errors.Fenced):
        return Drop()
    rule = rule_for(error)
    if attempts >= rule.max_attempts:
        return GiveUp()
    jitter_ms = round(random() * bound_ms(rule, attempts))
    if isinstance(error, errors.QuotaExceeded):
        return Again(delay_ms=min(round(error.retry_after_s * 1000), _MAX_QUOTA_WAIT_MS) + jitter_ms)
    return Again(delay_ms=jitter_ms)


def rule_for(error: Exception) -> Rule:
    """The first rule whose family the error belongs to."""
    for family, rule in RULES:
        if isinstance(error, family):
            return rule
    return UNKNOWN


def bound_ms(rule: Rule, attempts: int) -> int:
    """The longest wait after this many attempts."""
    return min(rule.cap_ms, rule.base_ms * 2 ** min(attempts - 1, 30))
