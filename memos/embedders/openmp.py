"""How many threads compute a small batch."""

from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """Within it, what the calling thread computes runs on it alone; other threads keep theirs.

    A question is too small to be shared: two threads meet some forty times in it, and wherever one has to wait for a
    core, both do. On two cores, beside a search of the index, it takes 11 ms instead of 17.
    """
    return _openmp().limit(limits=1)


@cache
def _openmp() -> "ThreadpoolController":
    """The OpenMP libraries that the process has loaded by now: call it when the model is there."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="openmp")
