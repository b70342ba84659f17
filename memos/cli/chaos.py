"""``memos chaos``: the proof that nothing accepted is lost, under faults made on purpose. Runs in a child process."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from memos.cli.options import AsJson

_MODULE: Final = "workers.chaos"
_Seed = Annotated[int | None, typer.Option(help="Repeats a run's choices; by default a new one.")]
_Faults = Annotated[int, typer.Option(min=0, help="How many faults; 0 for the usual number.")]
_Minutes = Annotated[float, typer.Option(min=0, help="Go on with more faults for at least so long.")]
_Rate = Annotated[float | None, typer.Option(min=0.1, help="Messages a second of all clients together.")]
_Short = Annotated[bool, typer.Option("--short", help="A few faults, each short: about a minute and a half.")]
_History = Annotated[Path | None, typer.Option(help="Where the JSONL history goes.")]
_Broker = Annotated[str, typer.Option(help="Celery's broker: redis or rabbitmq.")]
_Nemesis = Annotated[list[str] | None, typer.Option(help="Only this fault; may be repeated.")]
_List = Annotated[bool, typer.Option("--list", help="List the faults, and do nothing.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(chaos)


def chaos(
    seed: _Seed = None,
    faults: _Faults = 0,
    minutes: _Minutes = 0.0,
    rate: _Rate = None,
    short: _Short = False,
    history: _History = None,
    broker: _Broker = "redis",
    nemesis: _Nemesis = None,
    list_only: _List = False,
    as_json: AsJson = False,
) -> None:
    """Kill, pause and cut off servers and workers under load, then check that every promise was kept."""
    given: dict[str, object] = {"--faults": faults, "--minutes": minutes, "--broker": broker}
    optional = {"--seed": seed, "--history": history, "--rate": rate}
    given |= {name: value for name, value in optional.items() if value is not None}
    switches = {"--short": short, "--list": list_only, "--json": as_json}
    arguments = [text for name, value in given.items() for text in (name, str(value))]
    arguments += [name for name, is_on in switches.items() if is_on]
    arguments += [text for name in nemesis or () for text in ("--nemesis", name)]
    raise typer.Exit(_run_child(arguments))


def _run_child(arguments: list[str]) -> int:
    """Its output is this command's. Interrupted, it is let finish: it has servers to stop."""
    child = subprocess.Popen([sys.executable, "-P", "-m", _MODULE, *arguments])
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            continue
