"""Keeping the progress bars of transformers out of logs and terminals."""

import contextlib
from collections.abc import Generator


@contextlib.contextmanager
def no_progress_bars() -> Generator[None]:
    """Bars are off inside, and as they were afterwards."""
    from transformers.utils import logging as transformers_logging

    were_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            transformers_logging.enable_progress_bar()
