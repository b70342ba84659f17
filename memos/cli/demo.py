"""``memos demo``: the main job on real servers, checked."""

import shutil
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from memos.cli.output import console, errors, print_json
from memos.demo.run import Demo
from memos.demo.script import load_scripts
from memos.demo.view import View
from memos.errors import InvalidRequest
from memos.local.background import start_background, stop_stack
from memos.mem_scheduler.factory import build_scheduler
from memos.settings import DEFAULT_DATA_DIR, find_stack, load_settings

CONVERSATIONS: Final = Path("examples/data/conversations")
_MARK: Final = ".made-by-memos-demo"


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up afterwards.")] = False,
    conversations: Annotated[
        Path, typer.Option(help="A folder of conversations, one JSON file a user.")
    ] = CONVERSATIONS,
    data_dir: Annotated[Path, typer.Option(help="Made anew each time.")] = DEFAULT_DATA_DIR / "demo",
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as one JSON document.")] = False,
) -> None:
    """Feed in two users' conversations of two tenants, ask, chat, and check it all; exits 1 on a failed check."""
    started = time.monotonic()
    scripts = load_scripts(conversations)
    make_anew(data_dir)
    view = View(Console(stderr=True) if as_json else console)
    with _stack(data_dir, keep=keep) as urls:
        settings = load_settings(data_dir=data_dir)
        with closing(build_scheduler(settings)) as scheduler:
            checks = Demo(settings=settings, scheduler=scheduler, scripts=scripts, view=view).run()
        view.show_urls(urls, password_file=data_dir / "stack.json", up=keep)
    view.show_checks(checks, seconds=time.monotonic() - started)
    if as_json:
        print_json([asdict(check) for check in checks])
    if not all(check.passed for check in checks):
        raise typer.Exit(1)


def make_anew(data_dir: Path) -> None:
    """An empty directory of the demonstration's; nothing that it did not make itself is removed."""
    if find_stack(data_dir) is not None:
        raise InvalidRequest(f"a stack is running on {data_dir}; stop it with: memos down --data-dir {data_dir}")
    if data_dir.exists() and any(data_dir.iterdir()):
        if not (data_dir / _MARK).is_file():
            raise InvalidRequest(f"{data_dir} is not empty and not of an earlier demo; choose another --data-dir")
        shutil.rmtree(data_dir)
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data_dir / _MARK).touch()


@contextmanager
def _stack(data_dir: Path, *, keep: bool) -> Generator[dict[str, str]]:
    urls = start_background(data_dir, say=lambda line: errors.print(line, markup=False))
    try:
        yield urls
    finally:
        if not keep:
            stop_stack(data_dir)
