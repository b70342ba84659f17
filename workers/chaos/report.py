"""From a verdict to what is printed, and to what of it misses the bar. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from workers.chaos.checker import Verdict

RECOVERY_BAR_S: Final = 15.0
_ZERO: Final = ("lost", "duplicated_effects", "inversions", "leaked_slots", "stuck_lanes")
_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A run, judged."""

    seed: int
    broker: str
    history: str
    seconds: float
    verdict: Verdict
    client_failures: tuple[str, ...] = ()

    def figures(self) -> dict[str, Any]:
        """What --json prints. A recovery that never came is null."""
        verdict = self.verdict
        counts = {name: len(getattr(verdict, name)) for name in _ZERO}
        p99_s = verdict.recovery_p99_s
        return {
            "seed": self.seed,
            "faults": verdict.faults,
            "accepted": verdict.accepted,
            **counts,
            "fenced": verdict.fenced,
            "recovery_p99_s": round(p99_s, 2) if isfinite(p99_s) else None,
            "seconds": round(self.seconds, 1),
            "jobs_per_s": round(verdict.accepted / self.seconds, 2) if self.seconds else 0.0,
            "faults_by_name": dict(verdict.faults_by_name),
            "recoveries_s": {name: list(seconds) for name, seconds in verdict.recoveries_s.items()},
            "broker": self.broker,
            "history": self.history,
        }

    def missed(self) -> list[str]:
        """Each bar that was missed, with the first few reasons."""
        return [
            *_missed_zeros(self.verdict),
            *_missed_recoveries(self.verdict.recoveries_s, self.verdict.recovery_p99_s),
            *(f"{name} could not do anything" for name in self.verdict.without_effect),
            *(f"a client met {failure}" for failure in self.client_failures),
        ]


def _missed_zeros(verdict: Verdict) -> list[str]:
    found: dict[str, Sequence[str]] = {name: getattr(verdict, name) for name in _ZERO}
    return [f"{name} is {len(things)}, not 0: {'; '.join(things[:_SHOWN])}" for name, things in found.items() if things]


def _missed_recoveries(recoveries: Mapping[str, tuple[float, ...]], p99_s: float) -> list[str]:
    if p99_s <= RECOVERY_BAR_S:
        return []
    slow = [f"{name} {max(seconds):g} s" for name, seconds in recoveries.items() if max(seconds) > RECOVERY_BAR_S]
    return [f"recovery takes longer than {RECOVERY_BAR_S:g} s: {', '.join(slow)}"]
