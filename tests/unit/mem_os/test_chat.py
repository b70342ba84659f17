"""What a chat shows the model, and what it remembers. The model is a scripted server."""

from dataclasses import replace

import pytest

from memos.clock import ManualClock
from memos.configs.llm import LLMConfigFactory
from memos.configs.mem_os import MOSConfig
from memos.errors import Unavailable
from memos.llms.factory import LLMFactory
from memos.mem_os.chat import Chatter
from memos.mem_os.history import SessionHistory
from memos.mem_os.intake import DirectIntake
from memos.mem_os.main import MOS
from memos.memories.textual.writer import TextWriter
from memos.recall.search import Recall
from tests.support.openai_server import OpenAIServer, failure, stream
from tests.support.text import LANE, USER, DictationReader, Patchy, open_twins, work, write
from tests.unit.mem_os.conftest import OpenMOS, talking_to, texts

pytestmark = pytest.mark.models


def prompt(talker: OpenAIServer) -> list[tuple[str, str]]:
    """The last prompt that the model was sent, as role and text."""
    return [(message["role"], message["content"]) for message in talker.requests[-1]["messages"]]


@pytest.fixture(autouse=True)
def _streams(talker: OpenAIServer) -> None:
    talker.replies = [stream("No", "ted.")]


def test_the_model_is_shown_what_is_remembered_and_the_question_last(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    mos.add(memory_content="I drink green tea.", user_id=ana, session_id="yesterday")
    assert mos.chat("What do I drink?", user_id=ana) == "Noted."
    system, (role, question) = prompt(talker)
    assert system == ("system", mos.config.system_prompt)
    assert (role, "I drink green tea." in question, question.endswith("What do I drink?")) == ("user", True, True)


def test_an_answer_comes_in_pieces_and_is_not_measured_for_a_model_that_runs_elsewhere(mos: MOS, ana: str) -> None:
    answer = mos.chat_stream("Hello?", user_id=ana)
    assert (list(answer), answer.report) == (["No", "ted."], None)


def test_an_answer_says_what_recall_could_not_ask(talker: OpenAIServer) -> None:
    stores = replace(open_twins(), index=Patchy(dense=False))
    stores.ensure()
    write(stores, work("j1", "I drink green tea."))
    chatter = Chatter(
        model=LLMFactory.from_config(LLMConfigFactory.model_validate(talking_to(talker))),
        recall=Recall(stores),
        history=SessionHistory(graph=stores.graph, scheduler=None, cleared_ms=lambda lane, user: None),
        intake=DirectIntake(
            writer=TextWriter(stores, ManualClock()), reader=DictationReader(), after_add=lambda lane: None
        ),
        activation=None,
        now_ms=ManualClock().now_ms,
        system_prompt=lambda cube: MOSConfig().system_prompt,
        config=MOSConfig(),
    )
    answer = chatter.stream(LANE, USER, [LANE.cube], "green tea?", use_artefact=True, remember=False)
    assert answer.degraded == ("dense: milvus is unavailable: no dense search",)
    assert "".join(answer) == "Noted."
    assert "I drink green tea." in prompt(talker)[-1][1]


def test_a_turn_is_remembered_unless_it_is_not_to_be(mos: MOS, ana: str) -> None:
    list(mos.chat_stream("I moved to Lisbon.", user_id=ana, remember=False))
    assert texts(mos.get_all(user_id=ana)) == []
    mos.chat("I moved to Lisbon.", user_id=ana)
    assert texts(mos.get_all(user_id=ana)) == ["I moved to Lisbon."]


def test_the_next_turn_of_the_session_is_shown_the_last_one(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    mos.chat("My first question?", user_id=ana, session_id="a")
    mos.chat("My second question?", user_id=ana, session_id="a")
    assert prompt(talker)[1:-1] == [("user", "My first question?"), ("assistant", "Noted.")]
    mos.chat("My third question?", user_id=ana, session_id="b")
    assert len(prompt(talker)) == 2


@pytest.mark.parametrize(("window", "shown"), [(0, 0), (3, 3), (20, 4)])
def test_no_more_of_the_session_is_shown_than_configured(
    open_mos: OpenMOS, talker: OpenAIServer, window: int, shown: int
) -> None:
    mos = open_mos(max_turns_window=window)
    for question in ("One?", "Two?", "Three?"):
        mos.chat(question)
    assert len(prompt(talker)) - 2 == shown


def test_the_configured_system_prompt_and_number_of_memories_are_used(open_mos: OpenMOS, talker: OpenAIServer) -> None:
    mos = open_mos(system_prompt="Speak like a pirate.", top_k=1)
    mos.add([{"role": "user", "content": text} for text in ("I drink green tea.", "I drink black coffee.")])
    list(mos.chat_stream("What do I drink with tea?", session_id="new", remember=False))
    system, (_, question) = prompt(talker)
    assert system == ("system", "Speak like a pirate.")
    assert question.count("- I drink") == 1


def test_a_chat_in_a_named_cube_recalls_and_remembers_there(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    mos.create_cube_for_user(f"{ana}-2", owner_id=ana)
    mos.add(memory_content="I drink green tea.", user_id=ana, mem_cube_id=ana)
    mos.chat("I like boats.", user_id=ana, mem_cube_id=f"{ana}-2")
    assert "green tea" not in prompt(talker)[-1][1]
    assert texts(mos.get_all(f"{ana}-2", user_id=ana)) == ["I like boats."]


def test_a_model_that_fails_is_unavailable_and_the_question_is_kept(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    talker.replies = [failure(503)]
    with pytest.raises(Unavailable):
        mos.chat("I moved to Lisbon.", user_id=ana)
    talker.replies = [stream("Noted.")]
    mos.chat("Where am I?", user_id=ana)
    assert ("user", "I moved to Lisbon.") in prompt(talker)


def test_a_model_that_breaks_off_is_an_error_and_what_it_said_is_kept(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    talker.replies = [stream("Half", finish_reason=None, is_cut=True)]
    with pytest.raises(Unavailable):
        mos.chat("Are you there?", user_id=ana)
    talker.replies = [stream("Noted.")]
    mos.chat("And now?", user_id=ana)
    assert prompt(talker)[1:-1] == [("user", "Are you there?"), ("assistant", "Half")]


def test_a_model_that_says_nothing_gives_an_empty_answer(mos: MOS, ana: str, talker: OpenAIServer) -> None:
    talker.replies = [stream()]
    assert mos.chat("Hello?", user_id=ana) == ""
