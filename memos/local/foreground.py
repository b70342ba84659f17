"""Running the stack in this process until a signal comes."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

from memos.local.stack import Stack
from memos.settings import Settings

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_stack(settings: Settings, *, say: Callable[[str], None], on_ready: Callable[[Stack], None]) -> None:
    """Start, call ``on_ready``, supervise; return in order after Ctrl-C, SIGTERM or SIGHUP.

    Raises Unavailable, and leaves nothing running, when something cannot be started.
    """
    with _one_interrupt():
        stack = Stack(settings, say=say)
        try:
            stack.start()
            on_ready(stack)
            stack.supervise()
        except KeyboardInterrupt:
            say("stopping")
        finally:
            _ignore_signals()
            stack.close()


@contextmanager
def _one_interrupt() -> Generator[None]:
    """The first stop signal raises KeyboardInterrupt; more of them do not disturb the orderly, bounded stop."""
    before = {number: signal.signal(number, _interrupt) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
