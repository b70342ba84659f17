"""A worker that opens things while it starts says when that is over, however it ended."""

import gc
import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery, signals

from memos.errors import Unavailable
from memos.settings import Settings
from tests.conftest import Eventually
from workers.bootstrap import ProcessResources, Resources
from workers.warm import import_before_fork, import_embedder, warm_on_start


@dataclass(frozen=True, eq=False)
class Begun:
    """What Celery names as the sender: a worker."""

    app: Celery


@pytest.fixture
def process(tmp_path: Path) -> ProcessResources:
    return ProcessResources(lambda: Resources(Settings(data_dir=tmp_path)))


@pytest.fixture(autouse=True)
def _no_traces_left() -> Iterator[None]:
    before = {signal: list(signal.receivers or ()) for signal in (signals.worker_init, signals.worker_process_init)}
    yield
    for signal, receivers in before.items():
        signal.receivers = receivers
    gc.unfreeze()


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which ``sentence_transformers`` is looked for first; whatever was imported by that name is not."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace())
    monkeypatch.delitem(sys.modules, "sentence_transformers")
    return tmp_path


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


def test_what_the_pool_shares_is_imported_when_its_own_worker_begins() -> None:
    ours, other = Celery("ours"), Celery("other")
    loaded: list[str] = []
    import_before_fork(ours, lambda: loaded.append("packages"))
    signals.worker_init.send(sender=Begun(other))
    assert loaded == []
    signals.worker_init.send(sender=Begun(ours))
    assert loaded == ["packages"]
    assert gc.get_freeze_count() > 0


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is imported before a fork elsewhere")
def test_the_packages_of_the_own_embedder_are_imported_alone(packages: Path) -> None:
    (packages / "sentence_transformers.py").write_text("")
    importlib.invalidate_caches()
    import_embedder(Settings(embedder_config=packages / "of-a-server.json"))
    assert "sentence_transformers" not in sys.modules
    import_embedder(Settings())
    assert sys.modules["sentence_transformers"].__file__ == str(packages / "sentence_transformers.py")


def test_packages_that_are_not_installed_do_not_keep_the_worker_from_starting(packages: Path) -> None:
    sys.modules["sentence_transformers"] = None  # as if there were none
    import_embedder(Settings())
