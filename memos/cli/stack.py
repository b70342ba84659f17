"""``memos up``, ``down``, ``status`` and ``doctor``: the local stack."""

import contextlib
import logging
from pathlib import Path
from typing import Annotated

import typer

from memos.cli.options import AsJson, DataDir, settings_of
from memos.cli.output import errors, print_error, print_json, print_table
from memos.errors import NotFound
from memos.local.background import start_background, stop_stack
from memos.local.checks import Check
from memos.local.doctor import run_checks
from memos.local.foreground import run_stack
from memos.local.lock import DirectoryUnusable
from memos.local.stack import Stack
from memos.local.status import ChildStatus, find_status
from memos.settings import load_explicit_settings

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Return when all is ready; `memos down` stops it.")]

Configs = Annotated[
    list[Path] | None,
    typer.Option("--config", help="A configuration (JSON, YAML) whose models are asked; may be repeated."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the ``memos`` command."""
    for command in (up, down, status, doctor):
        app.command()(command)


def up(data_dir: DataDir = None, detach: Detach = False, as_json: AsJson = False) -> None:
    """Start and supervise the local stack: servers, dispatcher, workers, Flower."""
    given = {} if data_dir is None else {"data_dir": data_dir}
    settings = load_explicit_settings(**given)
    directory = settings.data_dir.absolute()
    try:
        if detach:
            _show_ready(start_background(directory, say=_say), as_json=as_json)
        else:
            run_stack(settings, say=_say, on_ready=lambda stack: _on_ready(stack, directory, as_json=as_json))
    except DirectoryUnusable as error:
        print_error(str(error))
        raise typer.Exit(2) from None


def down(data_dir: DataDir = None) -> None:
    """Stop a stack, wherever it was started; succeeds when none runs."""
    directory = settings_of(data_dir).data_dir.absolute()
    try:
        pid = stop_stack(directory)
    except NotFound as error:
        _say(str(error))
    else:
        _say(f"stopped the stack of process {pid} on {directory}")


def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what runs: processes, ports, URLs. Exits with 1 when nothing runs or something is down."""
    directory = settings_of(data_dir).data_dir.absolute()
    found = find_status(directory)
    healthy = found is not None and all(child.up for child in found.children)
    if as_json:
        print_json({"running": found is not None, "healthy": healthy, "data_dir": directory, "stack": found})
    elif found is None:
        _say(f"nothing is running on {directory}; start it with `memos up -d`")
    else:
        title = f"{found.command} (pid {found.pid}) on {directory}"
        columns = ["process", "state", "pid", "url", "up for", "memory"]
        print_table(title, columns, (_child_row(child) for child in found.children))
    raise typer.Exit(0 if healthy else 1)


def doctor(data_dir: DataDir = None, config: Configs = None, as_json: AsJson = False) -> None:
    """Check each server, model, provider and package, and say what to do about each failing one.

    Exits with 1 if one fails; a warning is no failure.
    """
    checks = run_checks(settings_of(data_dir), config or ())
    healthy = all(check.ok or check.is_warning for check in checks)
    if as_json:
        print_json({"ok": healthy, "checks": checks})
    else:
        rows = ((_state_of(check), check.name, check.detail, check.advice) for check in checks)
        print_table("memos doctor", ["", "check", "found", "what to do"], rows)
    raise typer.Exit(0 if healthy else 1)


def _state_of(check: Check) -> str:
    return "ok" if check.ok else "warning" if check.is_warning else "FAILED"


def _on_ready(stack: Stack, directory: Path, *, as_json: bool) -> None:
    _show_ready(stack.urls, as_json=as_json)
    _say(f"ready; logs are in {directory / 'logs'}; Ctrl-C stops everything")


def _show_ready(urls: dict[str, str], *, as_json: bool) -> None:
    with contextlib.suppress(OSError):
        if as_json:
            print_json({"ready": True, "urls": urls})
        else:
            print_table("Local stack", ["what", "url"], urls.items())


def _say(line: str) -> None:
    logging.getLogger("memos.local").info(line)
    with contextlib.suppress(OSError):  # the terminal may have been closed; the stack still stops in order
        errors.print(line, markup=False, soft_wrap=True)


def _child_row(child: ChildStatus) -> tuple[object, ...]:
    memory = None if child.rss_bytes is None else f"{child.rss_bytes >> 20} MiB"
    uptime = None if child.uptime_s is None else f"{child.uptime_s:.0f} s"
    return (child.name, "up" if child.up else "DOWN", child.pid, child.url, uptime, memory)
