"""Running a converter apart, since parsers of foreign files hang, exhaust memory, and fail in any way there is."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import memos
from memos.documents.child import child_arguments
from memos.documents.limits import DocumentLimits
from memos.errors import InvalidRequest

_CHILD: Final = "memos.documents.child"
_SHOWN_CHARS: Final = 200


def convert_apart(converter: str, content: bytes, limits: DocumentLimits) -> str:
    """The text that ``converter`` finds in ``content``, within the limits' time and memory.

    Raises InvalidRequest with what is wrong; the caller names the document.
    """
    ran = _run(converter, content, limits)
    if ran.returncode < 0:
        raise InvalidRequest(
            f"stopped its converter (signal {-ran.returncode}): it is damaged, or takes too much; split it"
        )
    if ran.returncode > 0:
        raise InvalidRequest(_explain(ran.stderr))
    answer: dict[str, str] = json.loads(ran.stdout)
    if "refused" in answer:
        raise InvalidRequest(answer["refused"])
    return answer["text"]


def _run(converter: str, content: bytes, limits: DocumentLimits) -> "subprocess.CompletedProcess[bytes]":
    # Without the directory it runs in, whose files could pass for modules, and without this process's secrets.
    command = [sys.executable, "-P", "-B", "-X", "utf8", "-m", _CHILD, *child_arguments(converter, limits)]
    environment = {"PYTHONPATH": _import_path()}
    try:
        return subprocess.run(
            command, input=content, capture_output=True, timeout=limits.timeout_s, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise InvalidRequest(f"takes more than {limits.timeout_s:g} s to convert; split it") from None


def _import_path() -> str:
    """Where this process finds its modules."""
    root = str(Path(memos.__file__).resolve().parents[1])
    return os.pathsep.join(dict.fromkeys([*filter(None, sys.path), root]))


def _explain(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
    if lines[-1].startswith("MemoryError"):
        return "needs more memory to convert than documents may; split it"
    return f"is damaged and cannot be converted ({lines[-1][:_SHOWN_CHARS]})"
