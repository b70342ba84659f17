"""Mistakes made on purpose in real workers, each found by the checker; and the same runs without them, found clean.

Each run takes the one fault that brings its mistake to light: a holder that sleeps beyond its lease for a commit
without the fence, a kill in the middle of the work for an acknowledgement before it, a kill between the two stores for
ids that come out differently.
"""

from pathlib import Path

import pytest

from workers.chaos.checker import Verdict
from workers.chaos.generator import Load
from workers.chaos.history import History
from workers.chaos.plan import Plan
from workers.chaos.report import Report
from workers.chaos.run import open_run

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]
# Few lanes that are never empty, so that an overtaken holder finds other people's jobs at the head of its lane.
LOAD = Load(tenants=1, sessions=2, clients=2, adds_per_s=20.0)
REVEALING = {"unfenced": "pause_worker", "ack_first": "kill_during_llm", "random_ids": "kill_between_stores"}


def run(directory: Path, *faults: str, defect: str = "", patience_s: float = 40.0) -> Report:
    """A run of its own, with a model that takes its time."""
    plan = Plan(seed=7, faults=faults, away_s=2.0, patience_s=patience_s, thinking_s=0.3, defect=defect, load=LOAD)
    with (
        History(directory / "history.jsonl") as history,
        open_run(plan, directory, history, say=lambda _: None) as opened,
    ):
        return opened.perform()


def wrong(verdict: Verdict) -> int:
    """Everything that has to be zero."""
    return sum(
        len(found)
        for found in (
            verdict.lost,
            verdict.duplicated_effects,
            verdict.inversions,
            verdict.leaked_slots,
            verdict.stuck_lanes,
        )
    )


def test_the_same_faults_without_a_mistake_leave_nothing_wrong(tmp_path: Path) -> None:
    report = run(tmp_path, *REVEALING.values())
    assert report.verdict.faults == len(REVEALING)
    assert report.verdict.accepted > 0
    assert wrong(report.verdict) == 0, report.missed()


def test_a_commit_without_the_fence_loses_jobs(tmp_path: Path) -> None:
    verdict = run(tmp_path, REVEALING["unfenced"], defect="unfenced", patience_s=8.0).verdict
    assert len(verdict.lost) > 0


def test_an_acknowledgement_before_the_work_loses_jobs(tmp_path: Path) -> None:
    verdict = run(tmp_path, REVEALING["ack_first"], defect="ack_first", patience_s=8.0).verdict
    assert len(verdict.lost) > 0


def test_ids_that_come_out_differently_duplicate_effects(tmp_path: Path) -> None:
    verdict = run(tmp_path, REVEALING["random_ids"], defect="random_ids", patience_s=8.0).verdict
    assert len(verdict.duplicated_effects) > 0
