"""The scheduler that an object's configuration names: jobs go there, under its limits, and nowhere else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidConfig, QuotaExceeded, Unavailable
from memos.mem_os.main import MOS
from memos.types import JobState
from tests.unit.mem_os.conftest import on_twins

pytestmark = [pytest.mark.models, pytest.mark.servers]

NOBODY = "redis://127.0.0.1:1/0"

OpenScheduled = Callable[..., MOS]


@pytest.fixture
def open_scheduled(
    tmp_path: Path, redis_url: str, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenScheduled]:
    """Opens an object whose settings name a Redis that is not there; ``env:TEST_REDIS_URL`` is one that is."""
    monkeypatch.setenv("TEST_REDIS_URL", redis_url)
    with ExitStack() as opened:

        def open_one(*, enable: bool = True, **scheduler: Any) -> MOS:
            named = {"backend": "general_scheduler", "config": scheduler}
            config = MOSConfig.model_validate(
                {"user_id": "ana", "enable_mem_scheduler": enable, "mem_scheduler": named}
            )
            settings = on_twins(tmp_path, tenant=tenant, redis_url=NOBODY)
            mos = opened.enter_context(MOS(config, settings=settings))
            mos.create_cube_for_user("notes", owner_id="ana")
            return mos

        yield open_one


def test_jobs_go_to_the_redis_that_the_configuration_names(open_scheduled: OpenScheduled) -> None:
    with pytest.raises(Unavailable, match="redis"):
        open_scheduled().add(memory_content="I drink tea.")
    mos = open_scheduled(redis_url="env:TEST_REDIS_URL")
    assert mos.add(memory_content="I drink tea.").state is JobState.QUEUED


def add_many(mos: MOS) -> None:
    for _ in range(50):
        mos.add(memory_content="I drink tea.")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"limit_queued": 1}, "tenant_depth"),
        ({"limit_lane": 1}, "lane_depth"),
        ({"limit_adds_per_s": 0.01}, "adds_per_s"),
        ({"limit_tokens_per_min": 1}, "tokens_per_min"),
        ({"limit_tokens_per_day": 20}, "tokens_per_day"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_limit_of_the_configuration_holds(
    open_scheduled: OpenScheduled, limits: dict[str, float], reason: str
) -> None:
    free = open_scheduled(redis_url="env:TEST_REDIS_URL")
    limited = open_scheduled(redis_url="env:TEST_REDIS_URL", **limits)
    with pytest.raises(QuotaExceeded) as refused:
        add_many(limited)
    assert refused.value.reason == reason
    assert free.add(memory_content="I drink milk.").state is JobState.QUEUED


def test_it_is_asked_for_nothing_while_work_is_done_at_once(open_scheduled: OpenScheduled) -> None:
    mos = open_scheduled(enable=False, redis_url="env:TEST_NO_SUCH_URL")
    assert mos.add(memory_content="I drink tea.").state is JobState.SUCCEEDED
    with pytest.raises(InvalidConfig, match="TEST_NO_SUCH_URL"):
        mos.mem_scheduler_on()


def test_it_is_used_once_the_scheduler_is_switched_on(open_scheduled: OpenScheduled) -> None:
    mos = open_scheduled(enable=False, redis_url="env:TEST_REDIS_URL")
    mos.mem_scheduler_on()
    assert mos.add(memory_content="I drink tea.").state is JobState.QUEUED
