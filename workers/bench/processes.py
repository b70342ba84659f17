"""The processes that are measured: our dispatcher and worker, or a bare Celery worker."""

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from memos.errors import MemosError, Unavailable
from memos.local.child import Child, ChildSpec
from memos.local.logs import read_tail
from memos.local.watchdog import Watchdog

CONCURRENCY: Final = 2


def build_ours(directory: Path) -> list[ChildSpec]:
    """As `memos up` starts them. That the worker is ready shows when it follows a hint."""
    ready = directory / "run" / "dispatcher.ready"
    dispatcher = (*_python("scheduler.dispatch"), "--ready-file", str(ready))
    worker = _worker("workers.bench.app", "-n", "ours@bench", "--loglevel", "INFO")
    return [_spec("dispatcher", directory, dispatcher, ready=ready), _spec("ours", directory, worker)]


def build_bare(directory: Path) -> list[ChildSpec]:
    """As Celery's own documentation starts it."""
    return [_spec("bare", directory, _worker("workers.bench.bare_app", "-n", "bare@bench"))]


@contextmanager
def running(specs: Sequence[ChildSpec], directory: Path) -> Generator[None]:
    """Run these, and end them. None of them outlives this process, however it ends.

    On an error the ends of their logs go to standard error, for the directory may soon be gone.
    """
    with (directory / "bench").open("wb") as held, ExitStack() as ending:
        watchdog = Watchdog(keep_open=held.fileno())
        ending.callback(watchdog.close)
        children: list[Child] = []
        ending.callback(_end_all, children)
        try:
            children.extend(_start(spec, directory, watchdog) for spec in specs)
            for child in children:
                child.wait_ready()
            yield
        except MemosError:
            sys.stderr.writelines(f"--- {child.log.name}\n{read_tail(child.log)}\n" for child in children)
            raise


def _start(spec: ChildSpec, directory: Path, watchdog: Watchdog) -> Child:
    return Child(spec, log=directory / "logs" / f"{spec.name}.log", watchdog=watchdog)


def _end_all(children: Sequence[Child]) -> None:
    for child, by_s in [(child, child.ask_to_stop()) for child in children]:
        child.end(by_s=by_s)


def _worker(module: str, *options: str) -> tuple[str, ...]:
    pool = ("--pool", "prefork", "--concurrency", str(CONCURRENCY))
    return (*_python("celery"), "-A", module, "worker", *pool, *options)


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _spec(name: str, directory: Path, argv: tuple[str, ...], *, ready: Path | None = None) -> ChildSpec:
    def probe() -> None:
        if ready is not None and not ready.exists():
            raise Unavailable(name, f"{ready.name} is not there yet")

    return ChildSpec(name=name, argv=argv, directory=directory / "run", probe=probe)
