"""With the scheduler on and nobody at work: an add is durable at once, shown to chats, and the same under one key."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidRequest, NotFound, Unavailable
from memos.mem_os.main import MOS
from memos.types import JobState
from tests.support.openai_server import OpenAIServer, stream
from tests.unit.mem_os.conftest import on_twins, talking_to

pytestmark = [pytest.mark.models, pytest.mark.servers]

OpenQueued = Callable[..., MOS]


@pytest.fixture
def open_queued(tmp_path: Path, redis_url: str, tenant: str, talker: OpenAIServer) -> Iterator[OpenQueued]:
    """Opens an object that hands its work to a Redis where nobody takes it."""
    with ExitStack() as opened:

        def open_one(url: str = redis_url, **config: Any) -> MOS:
            wanted = {"user_id": "ana", "enable_mem_scheduler": True, "chat_model": talking_to(talker), **config}
            settings = on_twins(tmp_path, tenant=tenant, redis_url=url)
            mos = opened.enter_context(MOS(MOSConfig(**wanted), settings=settings))
            mos.create_cube_for_user("notes", owner_id=mos.config.user_id)
            return mos

        yield open_one


def test_an_add_is_queued_and_waiting_gives_up_in_time(open_queued: OpenQueued) -> None:
    mos = open_queued()
    added = mos.add(memory_content="I drink tea.")
    assert (added.state, added.memory_ids) == (JobState.QUEUED, ())
    assert mos.wait([added.job_id], timeout_s=0.05) == [added]


def test_one_idempotency_key_is_one_job_for_each_user_and_cube(open_queued: OpenQueued) -> None:
    mos = open_queued()
    mos.create_user("ben")
    mos.create_cube_for_user("bens", owner_id="ben")
    first = mos.add(memory_content="I drink tea.", idempotency_key="k")
    assert mos.add(memory_content="I drink tea.", idempotency_key="k") == first
    assert mos.add(memory_content="I drink tea.", idempotency_key="l") != first
    assert mos.add(memory_content="I drink tea.", user_id="ben", idempotency_key="k") != first


def test_a_bulk_add_waits_in_a_lane_apart(open_queued: OpenQueued) -> None:
    mos = open_queued()
    parts = mos._parts
    assert parts.scheduler is not None
    for bulk in (False, True):
        added = mos.add(memory_content="I drink tea.", bulk=bulk)
        assert parts.scheduler.status(parts.tenant, added.job_id).lane.bulk is bulk


def test_what_is_still_queued_is_shown_to_the_next_chat_of_its_session_and_user_alone(
    open_queued: OpenQueued, talker: OpenAIServer
) -> None:
    talker.replies = [stream("Noted.")]
    mos = open_queued(max_turns_window=2)
    mos.create_user("ben")
    mos.share_cube_with_user("notes", "ben")
    for text in ("I drink tea.", "I drink coffee.", "I drink milk."):
        mos.add(memory_content=text, session_id="a")
    mos.add(memory_content="Ben drinks water.", user_id="ben", mem_cube_id="notes", session_id="a")
    list(mos.chat_stream("What do I drink?", session_id="a", remember=False))
    shown = [message["content"] for message in talker.requests[-1]["messages"][1:]]
    assert shown == ["I drink coffee.", "I drink milk.", "What do I drink?"]
    list(mos.chat_stream("What do I drink?", session_id="b", remember=False))
    assert len(talker.requests[-1]["messages"]) == 2


def test_a_message_that_is_refused_leaves_no_job(open_queued: OpenQueued, talker: OpenAIServer) -> None:
    talker.replies = [stream("Noted.")]
    mos = open_queued()
    with pytest.raises(InvalidRequest):
        mos.add([{"role": "user", "content": "fine"}, {"role": "user", "content": "\x00"}])
    list(mos.chat_stream("Anything?", remember=False))
    assert len(talker.requests[-1]["messages"]) == 2


def test_a_job_that_never_was_is_not_found(open_queued: OpenQueued) -> None:
    with pytest.raises(NotFound, match="no-such-job"):
        open_queued().wait(["no-such-job"])


def test_a_wrong_password_of_redis_is_said_to_be_one_and_not_shown(open_queued: OpenQueued, redis_url: str) -> None:
    address = redis_url.rpartition("@")[2]
    mos = open_queued(f"redis://:mistaken@{address}")
    with pytest.raises(Unavailable, match="password") as refused:
        mos.add(memory_content="I drink tea.")
    assert refused.value.dependency == "redis"
    assert "mistaken" not in str(refused.value)


def test_a_wrong_password_of_the_graph_is_said_to_be_one_and_not_shown(tmp_path: Path, settings: Any) -> None:
    wrong = settings.model_copy(update={"neo4j_password": SecretStr("mistaken"), "data_dir": tmp_path})
    with MOS(MOSConfig(user_id="ana"), settings=wrong) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        with pytest.raises(Unavailable, match="password") as refused:
            mos.search("tea")
    assert refused.value.dependency == "neo4j"
    assert "mistaken" not in str(refused.value)


def test_the_scheduler_can_be_switched_off_and_on(open_queued: OpenQueued) -> None:
    mos = open_queued()
    mos.mem_scheduler_off()
    assert mos.add(memory_content="I drink tea.").state is JobState.SUCCEEDED
    with pytest.raises(InvalidRequest, match="without the scheduler"):
        mos.wait(["j"])
    mos.mem_scheduler_on()
    assert mos.add(memory_content="I drink milk.").state is JobState.QUEUED


def test_a_scheduler_that_is_away_cannot_be_switched_on(tmp_path: Path, tenant: str) -> None:
    settings = on_twins(tmp_path, tenant=tenant, redis_url="redis://127.0.0.1:1/0")
    with MOS(MOSConfig(user_id="ana"), settings=settings) as mos:
        mos.create_cube_for_user("notes", owner_id="ana")
        with pytest.raises(Unavailable, match="redis"):
            mos.mem_scheduler_on()
        assert mos.add(memory_content="I drink tea.").state is JobState.SUCCEEDED


def test_jobs_of_a_user_who_is_forgotten_are_cancelled_and_others_wait_on(open_queued: OpenQueued) -> None:
    mos = open_queued(user_id="root")
    mos.create_user("ana")
    mos.create_user("ben")
    mos.create_cube_for_user("anas", owner_id="ana")
    mos.share_cube_with_user("anas", "ben", user_id="ana")
    jobs = [mos.add(memory_content="I drink tea.", user_id=user, mem_cube_id="anas").job_id for user in ("ana", "ben")]
    assert mos.forget_user("ana").jobs == 1
    assert [done.state for done in mos.wait(jobs, timeout_s=0)] == [JobState.CANCELLED, JobState.QUEUED]
    assert mos.forget_user("ana").jobs == 0
