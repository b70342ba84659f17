"""A server that dies in the middle: named within five seconds, and nothing lost that was accepted.

The supervisor, which would start it again at once, is stopped for the while and then let go on.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from memos.errors import Unavailable
from memos.mem_os.main import MOS
from memos.settings import Settings, find_stack
from memos.types import JobState
from tests.conftest import Eventually
from tests.e2e.conftest import OpenMOS

pytestmark = [pytest.mark.servers, pytest.mark.models]

LIMIT_S = 5.0


@contextmanager
def dead(stack: Settings, child: str) -> Iterator[None]:
    """The child is killed (SIGKILL) and stays away for the length of the block."""
    running = find_stack(stack.data_dir)
    assert running is not None
    os.kill(running["pid"], signal.SIGSTOP)
    try:
        os.kill(running["children"][child], signal.SIGKILL)
        yield
    finally:
        os.kill(running["pid"], signal.SIGCONT)


def assert_unavailable(call: Callable[[], object], naming: str) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        call()
    assert raised.value.dependency == naming
    assert time.monotonic() - began < LIMIT_S


def texts(mos: MOS) -> list[str]:
    return sorted(node.memory for shelf in mos.get_all()["text_mem"] for node in shelf["memories"]["nodes"])


def facts(start: int, stop: int) -> list[str]:
    return [f"My locker number {number} is at the harbour." for number in range(start, stop)]


def has_exactly(mos: MOS, wanted: list[str]) -> bool:
    """Whether every fact is stored once and found by a search. A server may still be coming up."""
    try:
        found = mos.search("locker at the harbour", top_k=50)["text_mem"][0]["memories"]
        return texts(mos) == sorted(wanted) == sorted(item.memory for item in found)
    except Unavailable:
        return False


def started(open_mos: OpenMOS) -> MOS:
    mos = open_mos()
    mos.create_cube_for_user("notes", owner_id="ana")
    jobs = [mos.add(memory_content=fact).job_id for fact in facts(0, 2)]
    assert {added.state for added in mos.wait(jobs)} == {JobState.SUCCEEDED}
    return mos


@pytest.mark.parametrize(("child", "dependency"), [("milvus", "milvus"), ("arcadedb", "neo4j")])
def test_without_a_store_a_search_says_so_and_what_is_added_meanwhile_arrives_once(
    stack: Settings, open_mos: OpenMOS, eventually: Eventually, child: str, dependency: str
) -> None:
    mos = started(open_mos)
    with dead(stack, child):
        assert_unavailable(lambda: mos.search("locker"), dependency)
        assert_unavailable(lambda: mos.chat("Where is my locker?"), dependency)
        assert_unavailable(lambda: open_mos().search("locker"), dependency)
        jobs = [mos.add(memory_content=fact).job_id for fact in facts(2, 5)]
        for job in jobs:
            assert mos.wait([job], timeout_s=0)[0].state not in (JobState.DEAD, JobState.SUCCEEDED)
    eventually(lambda: has_exactly(mos, facts(0, 5)), within_s=90)
    assert {added.state for added in mos.wait(jobs)} == {JobState.SUCCEEDED}


def test_without_redis_an_add_is_refused_in_time_and_what_was_accepted_before_arrives_once(
    stack: Settings, open_mos: OpenMOS, eventually: Eventually
) -> None:
    mos = started(open_mos)
    jobs = [mos.add(memory_content=fact).job_id for fact in facts(2, 6)]
    with dead(stack, "valkey"):
        assert_unavailable(lambda: mos.add(memory_content="My locker is lost."), "redis")
        assert_unavailable(lambda: open_mos().add(memory_content="My locker is lost."), "redis")
        assert_unavailable(lambda: mos.wait(jobs), "redis")
        assert_unavailable(lambda: mos.chat("Where is my locker?"), "redis")
        assert [each.partition(":")[0] for each in mos.search("locker")["degraded"]] == ["use"]
    eventually(lambda: has_exactly(mos, facts(0, 6)), within_s=90)
    assert {added.state for added in mos.wait(jobs)} == {JobState.SUCCEEDED}
