"""A whole local stack, once a session: servers, dispatcher, workers, Flower, as ``memos up -d`` starts them.

And what starts Python quickly.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.local.background import start_background, stop_stack
from memos.mem_os.main import MOS
from memos.settings import Settings, load_settings
from tests.support.warm_python import WarmPython

OpenMOS = Callable[..., MOS]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running stack."""
    data_dir = tmp_path_factory.mktemp("stack")
    start_background(data_dir, say=lambda line: None)
    yield load_settings(data_dir=data_dir)
    stop_stack(data_dir)


@pytest.fixture(scope="session")
def warm_python() -> Iterator[WarmPython]:
    """Runs Python processes, each of which has the models' packages."""
    with WarmPython() as python:
        yield python


@pytest.fixture
def open_mos(stack: Settings, tenant: str) -> Iterator[OpenMOS]:
    """Opens MOS objects on the stack: for this test's tenant, or another."""
    with ExitStack() as opened:

        def open_one(who: str = tenant, **config: Any) -> MOS:
            wanted = MOSConfig(**{"user_id": "ana", "enable_mem_scheduler": True, **config})
            return opened.enter_context(MOS(wanted, settings=stack.model_copy(update={"tenant": who})))

        yield open_one
