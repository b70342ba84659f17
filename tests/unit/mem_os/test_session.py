"""A session's history: what a chat shows of it, and how it begins anew."""

from pathlib import Path

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import AccessDenied, InvalidConfig
from memos.mem_os.main import MOS
from tests.support.openai_server import OpenAIServer, stream
from tests.unit.mem_os.conftest import OpenMOS, on_twins, texts

pytestmark = pytest.mark.models


def shown_history(mos: MOS, talker: OpenAIServer, **call: str) -> list[str]:
    """What a chat shows the model between the system message and the question."""
    talker.replies = [stream("Noted.")]
    list(mos.chat_stream("And now?", remember=False, **call))
    return [message["content"] for message in talker.requests[-1]["messages"][1:-1]]


def test_a_cleared_session_shows_no_turn_and_forgets_no_memory(open_mos: OpenMOS, talker: OpenAIServer) -> None:
    mos = open_mos()
    mos.add(memory_content="I drink green tea.")
    assert shown_history(mos, talker) == ["I drink green tea."]
    mos.clear_messages()
    assert shown_history(mos, talker) == []
    assert texts(mos.search("tea")) == ["I drink green tea."]
    assert mos.get_all()["text_mem"][0]["memories"]["edges"]
    mos.add(memory_content="I like boats.")
    assert shown_history(mos, talker) == ["I like boats."]


def test_clearing_ends_one_users_history_of_one_session(open_mos: OpenMOS, talker: OpenAIServer) -> None:
    mos = open_mos()
    mos.create_user("ben")
    mos.share_cube_with_user("notes", "ben")
    for session in ("a", "b"):
        mos.add(memory_content=f"Ana in {session}.", session_id=session)
        mos.add(memory_content=f"Ben in {session}.", user_id="ben", session_id=session)
    mos.clear_messages(session_id="a")
    assert shown_history(mos, talker, session_id="a") == []
    assert shown_history(mos, talker, session_id="b") == ["Ana in b."]
    assert shown_history(mos, talker, session_id="a", user_id="ben") == ["Ben in a."]


def test_what_others_say_in_the_session_takes_no_room_in_ones_own_history(
    open_mos: OpenMOS, talker: OpenAIServer
) -> None:
    mos = open_mos(max_turns_window=2)
    mos.share_cube_with_user("notes", mos.create_user("ben"))
    for text in ("Ana's first.", "Ana's second.", "Ana's third."):
        mos.add(memory_content=text)
    mos.add([{"role": "system", "content": f"Rule {number}."} for number in range(3)])
    mos.add([{"role": "user", "content": f"Ben's {number}."} for number in range(20)], user_id="ben")
    assert shown_history(mos, talker) == ["Ana's second.", "Ana's third."]
    assert shown_history(mos, talker, user_id="ben") == ["Ben's 18.", "Ben's 19."]


def test_what_was_cleared_stays_cleared_in_another_process(
    open_mos: OpenMOS, tmp_path: Path, talker: OpenAIServer
) -> None:
    open_mos().clear_messages()
    mark_file = on_twins(tmp_path).database
    assert mark_file.startswith("sqlite")
    again = open_mos()
    again.add([{"role": "user", "content": "I said this long ago.", "chat_time": "2020-01-01T00:00:00"}])
    assert shown_history(again, talker) == []


def test_somebody_elses_cube_cannot_be_cleared(open_mos: OpenMOS) -> None:
    mos = open_mos()
    mos.create_user("ben")
    with pytest.raises(AccessDenied):
        mos.clear_messages("ben", mem_cube_id="notes")


def test_without_textual_memory_a_chat_neither_recalls_nor_remembers(
    open_mos: OpenMOS, talker: OpenAIServer, tmp_path: Path
) -> None:
    remembering = open_mos()
    remembering.add(memory_content="I drink green tea.", session_id="old")
    talker.replies = [stream("Noted.")]
    forgetful = MOS(remembering.config.model_copy(update={"enable_textual_memory": False}), settings=on_twins(tmp_path))
    with forgetful:
        assert forgetful.chat("What do I drink?", mem_cube_id="notes") == "Noted."
        assert "green tea" not in str(talker.requests[-1]["messages"])
        for call in (
            lambda: forgetful.add(memory_content="x"),
            lambda: forgetful.search("x"),
            lambda: forgetful.get_all(),
            lambda: forgetful.get("notes", "m"),
            lambda: forgetful.update("notes", "m", "x"),
            lambda: forgetful.delete("notes", "m"),
        ):
            with pytest.raises(InvalidConfig, match="enable_textual_memory"):
                call()
    assert texts(remembering.get_all()) == ["I drink green tea."]


def test_the_configuration_says_whether_there_is_textual_memory() -> None:
    assert MOSConfig().enable_textual_memory
