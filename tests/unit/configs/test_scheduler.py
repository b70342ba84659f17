"""The configuration of the way to the workers."""

import json
from pathlib import Path
from typing import Any

import pytest

from memos.configs.mem_os import MOSConfig
from memos.configs.scheduler import RedisSchedulerConfig, SchedulerConfigFactory
from memos.errors import InvalidConfig
from memos.mem_scheduler.factory import choose_settings
from memos.settings import Settings

GIVEN: dict[str, Any] = {
    "redis_url": "redis://elsewhere/1",
    "limit_queued": 1,
    "limit_lane": 2,
    "limit_adds_per_s": 3.5,
    "limit_tokens_per_min": 4,
    "limit_tokens_per_day": 5,
}


def _factory(**config: Any) -> SchedulerConfigFactory:
    return SchedulerConfigFactory.model_validate({"backend": "redis", "config": config})


def test_memos_name_is_another_for_the_same() -> None:
    config = MOSConfig.model_validate({"mem_scheduler": {"backend": "general_scheduler", "config": {"limit_lane": 2}}})
    assert config.mem_scheduler is not None
    assert config.mem_scheduler.config == RedisSchedulerConfig(limit_lane=2)
    with pytest.raises(InvalidConfig, match="known: general_scheduler, redis"):
        SchedulerConfigFactory.model_validate({"backend": "magic"})


@pytest.mark.parametrize("field", RedisSchedulerConfig.model_fields)
def test_a_field_that_is_given_takes_the_settings_place_and_no_other_does(field: str) -> None:
    settings = Settings(redis_url="redis://here/0", limit_lane=77)
    chosen = choose_settings(_factory(**{field: GIVEN[field]}), settings)
    assert getattr(chosen, field) == GIVEN[field] != getattr(settings, field)
    assert chosen.model_copy(update={field: getattr(settings, field)}) == settings


def test_without_one_the_settings_hold() -> None:
    settings = Settings(limit_lane=77)
    assert choose_settings(None, settings) is settings
    assert choose_settings(_factory(), settings) == settings


def test_a_url_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    config = _factory(redis_url="env:TEST_REDIS_URL")
    with pytest.raises(InvalidConfig, match="TEST_REDIS_URL"):
        choose_settings(config, Settings())
    monkeypatch.setenv("TEST_REDIS_URL", "redis://there/2")
    assert choose_settings(config, Settings()).redis_url == "redis://there/2"


def test_a_url_with_a_password_is_not_written_out(tmp_path: Path) -> None:
    MOSConfig(mem_scheduler=_factory(redis_url="redis://:pw-secret@h")).to_json_file(tmp_path / "mos.json")
    text = (tmp_path / "mos.json").read_text()
    assert "pw-secret" not in text
    assert json.loads(text)["mem_scheduler"]["config"]["redis_url"] == "**********"
    with pytest.raises(InvalidConfig, match="mask"):
        MOSConfig.from_json_file(tmp_path / "mos.json")


@pytest.mark.parametrize("field", ["limit_queued", "limit_lane"])
def test_nothing_waiting_is_no_limit_that_can_be_set(field: str) -> None:
    with pytest.raises(InvalidConfig, match=field):
        _factory(**{field: 0})


@pytest.mark.parametrize("field", ["limit_adds_per_s", "limit_tokens_per_min", "limit_tokens_per_day"])
def test_a_rate_may_be_any(field: str) -> None:
    assert getattr(choose_settings(_factory(**{field: 0}), Settings()), field) == 0
    with pytest.raises(InvalidConfig, match=field):
        _factory(**{field: -1})
