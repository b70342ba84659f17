"""MOS on the twins in RAM, with the real embedder. Loading it takes a second, so most tests share one object."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS
from memos.settings import Settings
from tests.support.openai_server import OpenAIServer, answer, serving

OpenMOS = Callable[..., MOS]


def on_twins(data_dir: Path, **settings: Any) -> Settings:
    """Settings of an installation in RAM but for users and cubes."""
    return Settings(**{"data_dir": data_dir, "neo4j_url": "memory://", "milvus_url": "memory://", **settings})


def talking_to(server: OpenAIServer) -> dict[str, Any]:
    """The configuration of a chat model that says what the server was told to say."""
    model = {"model_name_or_path": "m", "api_base": server.url, "max_retries": 0, "timeout_s": 2}
    return {"backend": "openai", "config": model}


@pytest.fixture(scope="session")
def shared_talker() -> Iterator[OpenAIServer]:
    with serving() as server:
        yield server


@pytest.fixture
def talker(shared_talker: OpenAIServer) -> OpenAIServer:
    """The chat model of ``mos``, for one test: it answers "Noted." until told otherwise."""
    shared_talker.replies = [answer("Noted.")]
    shared_talker.requests.clear()
    return shared_talker


@pytest.fixture(scope="session")
def mos(tmp_path_factory: pytest.TempPathFactory, shared_talker: OpenAIServer) -> Iterator[MOS]:
    """One object for all tests, each of which has a user and a cube of its own."""
    config = MOSConfig(user_id="root", chat_model=talking_to(shared_talker))
    with MOS(config, settings=on_twins(tmp_path_factory.mktemp("mos"))) as opened:
        yield opened


@pytest.fixture
def ana(mos: MOS) -> str:
    """A user of ``mos`` with one cube, which has the user's name."""
    user = f"ana-{uuid.uuid4().hex[:8]}"
    mos.create_user(user)
    return mos.create_cube_for_user(user, owner_id=user)


@pytest.fixture
def open_mos(tmp_path: Path, talker: OpenAIServer) -> Iterator[OpenMOS]:
    """Opens an object of this test's own, with the user ``ana`` and a cube of hers."""
    with ExitStack() as opened:

        def open_one(settings: Settings | None = None, **config: Any) -> MOS:
            wanted = MOSConfig(**{"user_id": "ana", "chat_model": talking_to(talker), **config})
            one = opened.enter_context(MOS(wanted, settings=settings or on_twins(tmp_path)))
            one.create_cube_for_user("notes", owner_id="ana")
            return one

        yield open_one


def texts(found: dict[str, Any]) -> list[str]:
    """The memories of a search or of ``get_all``."""
    shelves = [shelf["memories"] for shelf in found["text_mem"]]
    return [item.memory for shelf in shelves for item in (shelf["nodes"] if isinstance(shelf, dict) else shelf)]
