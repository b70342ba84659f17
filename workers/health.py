"""``python -m workers.health --app memos-cpu``: is the worker on this machine well? For probes that run a command.

Exit status 0 when it is, 1 when it should be replaced or does not run yet, 2 when the settings are wrong; one line
says which. Looks at files alone: see memos/local/alive.py.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from memos.errors import InvalidConfig
from memos.local import alive
from memos.settings import load_explicit_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = _parse(arguments)
    try:
        directory = load_explicit_settings().data_dir / "run"
    except InvalidConfig as error:
        sys.stderr.write(f"health: {error}\n")
        return 2
    fault = find_fault(directory, options.app, options.node)
    sys.stdout.write(f"{options.app} {fault or 'is well'}\n")
    return 0 if fault is None else 1


def find_fault(directory: Path, app: str, node: str | None = None) -> str | None:
    """What is wrong with the worker of ``app`` in ``directory``; of several, with the one that shows least."""
    files = sorted(directory.glob(f"{app}.{node or '*'}.alive"))
    if not files:
        where = "" if node is None else f" by the name {node}"
        return f"does not run here{where} yet (no sign of it in {directory})"
    stalls = [(path, alive.find_stall(path)) for path in files]
    return next((f"should be replaced: {stall} ({path.name})" for path, stall in stalls if stall is not None), None)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="workers.health", description="Whether the worker on this machine is well.")
    parser.add_argument("--app", required=True, help="the application: memos-cpu or memos-gpu")
    parser.add_argument("--node", help="the worker's name (-n), where several share a data directory")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
