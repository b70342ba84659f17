"""``python -m workers.chaos``: one run of the proof. Exit status: 0 passed, 1 a bar was missed, 2 wrong options."""

import argparse
import json
import logging
import secrets
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from memos.errors import InvalidRequest, MemosError
from workers.chaos.defects import Defect
from workers.chaos.generator import Load
from workers.chaos.history import History
from workers.chaos.nemeses import NEMESES, list_at_hand, make_nemesis
from workers.chaos.plan import (
    LONG_AWAY_S,
    LONG_FAULTS,
    SHORT,
    SHORT_AWAY_S,
    Plan,
    choose_faults,
)
from workers.chaos.report import Report
from workers.chaos.run import open_run

_SEEDS: Final = 2**31


def main(arguments: Sequence[str] | None = None) -> int:
    """The process."""
    options = parse_options(arguments)
    if options.list:
        _print_nemeses()
        return 0
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s %(message)s")
    try:
        plan = build_plan(options)
        report = perform(plan)
    except InvalidRequest as error:
        _say(f"chaos: {error}")
        return 2
    except MemosError as error:
        _say(f"chaos: the stage broke down: {error}")
        return 1
    except KeyboardInterrupt:
        _say("chaos: interrupted; everything was stopped")
        return 130
    _print_report(report, as_json=options.json)
    for missed in report.missed():
        _say(f"MISSED: {missed}")
    return 1 if report.missed() else 0


def build_plan(options: argparse.Namespace) -> Plan:
    """What the options ask for. Raises InvalidRequest for an unknown nemesis."""
    seed = secrets.randbelow(_SEEDS) if options.seed is None else options.seed
    for name in options.nemesis:
        make_nemesis(name)
    usual, usual_count = (SHORT, len(SHORT)) if options.short else (list_at_hand(), LONG_FAULTS)
    return Plan(
        seed=seed,
        faults=choose_faults(
            options.nemesis or usual, count=options.faults or len(options.nemesis) or usual_count, seed=seed
        ),
        away_s=SHORT_AWAY_S if options.short else LONG_AWAY_S,
        at_least_s=60.0 * options.minutes,
        broker=options.broker,
        defect=options.defect,
        history=options.history,
        load=Load(adds_per_s=options.rate),
    )


def perform(plan: Plan) -> Report:
    """Run the plan in a temporary directory; the history is left, and after a failure the logs. Raises MemosError."""
    path = plan.history or Path(tempfile.gettempdir()) / f"memos-chaos-{plan.seed}.jsonl"
    _say(f"seed {plan.seed}, {len(plan.faults)} faults, broker {plan.broker}, history {path}")
    directory = Path(tempfile.mkdtemp(prefix="memos-chaos-"))
    with History(path) as history, open_run(plan, directory, history, say=_say) as run:
        report = run.perform()
    if report.missed():
        _say(f"logs of all processes stay in {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return report


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; ends the process with status 2 when they are wrong."""
    parser = argparse.ArgumentParser(prog="memos chaos", description="Faults on purpose, under load; then a judgement.")
    parser.add_argument("--seed", type=int, help="repeats a run's choices; by default a new one")
    parser.add_argument("--faults", type=int, default=0, help=f"how many; {LONG_FAULTS} by default")
    parser.add_argument("--minutes", type=float, default=0.0, help="go on with more faults for at least so long")
    parser.add_argument("--short", action="store_true", help="a few faults, each short: about a minute and a half")
    parser.add_argument("--rate", type=float, default=Load().adds_per_s, help="messages a second of all clients")
    parser.add_argument("--history", type=Path, help="where the JSONL history goes")
    parser.add_argument("--broker", choices=("redis", "rabbitmq"), default="redis", help="Celery's broker")
    parser.add_argument("--nemesis", action="append", default=[], help="only this fault; may be repeated")
    parser.add_argument("--defect", choices=list(Defect), default="", help="make workers faulty, to see it caught")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--list", action="store_true", help="list the faults, and do nothing")
    options = parser.parse_args(arguments)
    if options.faults < 0 or options.minutes < 0:
        parser.error("--faults and --minutes must not be negative")
    if options.rate <= 0:
        parser.error("--rate must be more than 0")
    return options


def _print_nemeses() -> None:
    for name, kind in NEMESES.items():
        sys.stdout.write(f"{name:20} {(kind.__doc__ or '').strip()}\n")


def _print_report(report: Report, *, as_json: bool) -> None:
    figures = report.figures()
    if as_json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:20} {json.dumps(value) if isinstance(value, dict) else value}\n")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
