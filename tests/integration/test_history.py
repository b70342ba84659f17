"""A session's history on real servers: it goes on where an earlier object left it, and stays within its bound."""

from pathlib import Path
from uuid import uuid4

import pytest

from memos.configs.mem_os import MOSConfig
from memos.mem_os.main import MOS
from memos.settings import Settings
from tests.support.openai_server import OpenAIServer, serving, stream

pytestmark = [pytest.mark.servers, pytest.mark.models]


def open_mos(settings: Settings, server: OpenAIServer, window: int) -> MOS:
    model = {"backend": "openai", "config": {"model_name_or_path": "m", "api_base": server.url}}
    return MOS(MOSConfig.model_validate({"chat_model": model, "max_turns_window": window}), settings=settings)


def test_a_session_goes_on_after_a_restart_for_its_user_alone(settings: Settings, tenant: str, tmp_path: Path) -> None:
    own = {"tenant": tenant, "data_dir": tmp_path, "milvus_collection": f"test_{uuid4().hex}"}
    settings = settings.model_copy(update=own)
    with serving() as server:
        server.replies = [stream("Noted.")]
        with open_mos(settings, server, window=20) as before:
            before.create_cube_for_user("notes", owner_id=before.create_user("ana"))
            before.share_cube_with_user("notes", before.create_user("ben"))
            for question in ("One?", "Two?"):
                before.chat(question, user_id="ana", session_id="s")
            before.chat("Ben's?", user_id="ben", session_id="s")
        shown: dict[tuple[str, str], list[str]] = {}
        with open_mos(settings, server, window=3) as after:
            for user, session in (("ana", "s"), ("ben", "s"), ("ana", "t")):
                list(after.chat_stream("And now?", user, session_id=session, mem_cube_id="notes", remember=False))
                shown[user, session] = [message["content"] for message in server.requests[-1]["messages"][1:-1]]
    assert shown == {
        ("ana", "s"): ["Noted.", "Two?", "Noted."],
        ("ben", "s"): ["Ben's?", "Noted."],
        ("ana", "t"): [],
    }
