"""Asking many providers at the same time, each with a bound on its answer."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Final

from memos.errors import MemosError
from memos.local.providers.explain import find_in_error
from memos.local.providers.finding import SILENT, TIMEOUT_S, Finding
from memos.local.providers.questions import Question

# For packages that are imported meanwhile, and for names that nobody resolves.
_GRACE_S: Final = 2.0
_SHOWN_CHARS: Final = 300


def ask_all(questions: Sequence[Question]) -> list[Finding]:
    """A finding for each question, in order, ``TIMEOUT_S`` after the call but for a short grace. Never raises."""
    futures = [_start(question) for question in questions]
    wait(futures, timeout=TIMEOUT_S + _GRACE_S)
    return [future.result() if future.done() else SILENT for future in futures]


def _start(question: Question) -> "Future[Finding]":
    """In a thread that dies with the process, however long its answer takes."""
    future: Future[Finding] = Future()
    threading.Thread(target=lambda: future.set_result(_find(question)), daemon=True).start()
    return future


def _find(question: Question) -> Finding:
    try:
        return question.ask()
    except MemosError as error:
        return find_in_error(error)
    except Exception as error:  # noqa: BLE001 - a plugin call: whatever a provider's SDK raises becomes a finding
        return Finding(detail=f"{type(error).__name__}: {error}"[:_SHOWN_CHARS], advice="check its configuration")
