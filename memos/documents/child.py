"""Converts one document in a process of its own: ``python -m memos.documents.child LIMITS CONVERTER``.

The document comes on standard input; the answer, ``{"text": ...}`` or ``{"refused": why}``, goes to standard output.
A parser that fails otherwise ends the process with a traceback: the parent says that the document is damaged.
"""

import json
import math
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import cast

from memos.documents.limits import DocumentLimits
from memos.errors import InvalidRequest

Converter = Callable[[bytes, DocumentLimits], str]
"""From a document's bytes to its text. Raises InvalidRequest with what is wrong, the document being named elsewhere."""


def child_arguments(converter: str, limits: DocumentLimits) -> list[str]:
    """What ``main`` is to be called with."""
    return [json.dumps(asdict(limits)), converter]


def main(arguments: list[str]) -> None:
    """Convert what comes on standard input."""
    output, sys.stdout = sys.stdout.buffer, sys.stderr  # what a parser prints is no answer
    limits = DocumentLimits(**json.loads(arguments[0]))
    _bound_process(limits)
    answer = _convert(arguments[1], sys.stdin.buffer.read(), limits)
    output.write(json.dumps(answer).encode())
    output.flush()


def _bound_process(limits: DocumentLimits) -> None:
    # Should the parent be gone, this ends it.
    seconds = math.ceil(limits.timeout_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere it bounds nothing, or cannot be set
        resource.setrlimit(resource.RLIMIT_AS, (limits.max_memory_bytes, limits.max_memory_bytes))


def _convert(converter: str, content: bytes, limits: DocumentLimits) -> dict[str, str]:
    module, _, function = converter.partition(":")
    try:
        return {"text": cast(Converter, getattr(import_module(module), function))(content, limits)}
    except InvalidRequest as error:
        return {"refused": str(error)}


if __name__ == "__main__":
    main(sys.argv[1:])
