"""The model that extracts answers garbage, nothing, or not at all: what was said is found; the effect comes once."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from memos.mem_os.main import MOS
from memos.settings import Settings
from memos.types import JobRecord, JobState
from scheduler import MemScheduler
from tests.conftest import Eventually
from tests.e2e.conftest import OpenMOS
from tests.support.openai_server import OpenAIServer, Reply, answer, failure, serving, stream

pytestmark = [pytest.mark.servers, pytest.mark.models]

SAID = "I keep my bicycle in the cellar."
GOOD = answer('{"facts": [{"text": "Ana keeps her bicycle in the cellar.", "evidence": [1]}]}')
BAD = {
    "garbage": answer("As a language model I would rather talk about the weather."),
    "another schema": answer('{"memories": 3}'),
    "empty": answer(""),
    "no choices": Reply(body="{}"),
    "not JSON": Reply(body="<html>gateway</html>"),
    "an error": failure(500),
    "nothing at all": Reply(hangs=True),
}


@pytest.fixture
def llm() -> Iterator[OpenAIServer]:
    with serving() as server:
        yield server


def reading_with(llm: OpenAIServer) -> dict[str, object]:
    """A configuration whose extraction asks this server, with little patience."""
    model = {"model_name_or_path": "m", "api_base": llm.url, "timeout_s": 1, "max_retries": 0}
    return {"backend": "simple_struct", "config": {"llm": {"backend": "openai", "config": model}}}


def record(stack: Settings, tenant: str, job: str) -> JobRecord:
    assert stack.redis_url is not None
    with closing(MemScheduler.from_url(stack.redis_url)) as scheduler:
        return scheduler.status(tenant, job)


def texts(mos: MOS) -> dict[str, str]:
    """What is remembered, by its id."""
    return {node.id: node.memory for shelf in mos.get_all()["text_mem"] for node in shelf["memories"]["nodes"]}


def found(mos: MOS, query: str) -> list[str]:
    return [item.id for shelf in mos.search(query)["text_mem"] for item in shelf["memories"]]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_the_job_is_tried_again_and_has_its_effect_once_when_the_model_is_well(
    stack: Settings, open_mos: OpenMOS, tenant: str, llm: OpenAIServer, eventually: Eventually, bad: Reply
) -> None:
    llm.replies = [bad]
    mos = open_mos(mem_reader=reading_with(llm))
    mos.create_cube_for_user("notes", owner_id="ana")
    job = mos.add(memory_content=SAID).job_id
    eventually(lambda: record(stack, tenant, job).state is JobState.RETRYING, within_s=30)
    waiting = record(stack, tenant, job)
    assert (waiting.error_class, SAID in waiting.error_message) == ("Unavailable", False)
    raw = texts(mos)
    assert list(raw.values()) == [SAID]
    assert found(mos, "Where is the bicycle?") == list(raw)

    llm.replies = [GOOD]
    llm.released.set()
    (added,) = mos.wait([job], timeout_s=60)
    assert added.state is JobState.SUCCEEDED
    assert texts(mos) == dict.fromkeys(raw, "Ana keeps her bicycle in the cellar.")
    assert list(added.memory_ids) == list(raw)
    assert mos.get("notes", added.memory_ids[0]).sources[0].content == SAID


def test_while_extraction_waits_a_chat_of_the_session_still_knows_what_was_said(
    open_mos: OpenMOS, llm: OpenAIServer
) -> None:
    with serving() as talker:
        talker.replies = [stream("In the cellar.")]
        model = {"model_name_or_path": "m", "api_base": talker.url}
        llm.replies = [failure(503)]
        mos = open_mos(mem_reader=reading_with(llm), chat_model={"backend": "openai", "config": model})
        mos.create_cube_for_user("notes", owner_id="ana")
        mos.add(memory_content=SAID)
        list(mos.chat_stream("Where is my bicycle?", remember=False))
        assert [message["content"] for message in talker.requests[0]["messages"]].count(SAID) == 1
