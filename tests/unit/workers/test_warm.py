"""A worker that opens things while it starts says when that is over, however it ended."""

from pathlib import Path

import pytest
from celery import signals

from memos.errors import Unavailable
from memos.settings import Settings
from tests.conftest import Eventually
from workers.bootstrap import ProcessResources, Resources
from workers.warm import warm_on_start


@pytest.fixture
def process(tmp_path: Path) -> ProcessResources:
    return ProcessResources(lambda: Resources(Settings(data_dir=tmp_path)))


@pytest.fixture(autouse=True)
def _no_receivers_left() -> None:
    before = list(signals.worker_process_init.receivers or ())
    yield
    signals.worker_process_init.receivers = before


def test_it_runs_when_a_process_of_the_pool_begins_and_tells_of_its_end(
    process: ProcessResources, tmp_path: Path, eventually: Eventually
) -> None:
    warmed: list[Resources] = []
    warm_on_start(process, warmed.append, done=tmp_path / "run" / "x.warm")
    assert warmed == []
    signals.worker_process_init.send(sender=None)
    eventually((tmp_path / "run" / "x.warm").exists)
    assert warmed == [process.get()]


def test_a_model_that_is_away_does_not_keep_the_worker_from_starting(
    process: ProcessResources, tmp_path: Path, eventually: Eventually
) -> None:
    def fail(resources: Resources) -> None:
        raise Unavailable("model x", "pulled away")

    warm_on_start(process, fail, done=tmp_path / "x.warm")
    signals.worker_process_init.send(sender=None)
    eventually((tmp_path / "x.warm").exists)
