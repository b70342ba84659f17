"""The retention section of a cube: strict, each limit optional."""

from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.retention import RetentionConfig
from memos.errors import InvalidConfig
from memos.organize.retention import Retention

SECTION = {"max_age_days": 30.5, "below_importance": 0.25, "keep": 1000}


def test_what_a_section_says_is_taken_as_it_is() -> None:
    config = GeneralMemCubeConfig.model_validate({"retention": SECTION})
    assert config.retention is not None
    assert config.retention.said() == Retention(max_age_days=30.5, below_importance=0.25, keep=1000)
    assert config.with_cube_id("other").retention == config.retention


@pytest.mark.parametrize(("section", "said"), [({}, Retention()), ({"keep": 0}, Retention(keep=0))])
def test_a_limit_may_be_left_out_or_be_none_at_all(section: dict[str, Any], said: Retention) -> None:
    assert RetentionConfig.model_validate(section).said() == said


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ({"max_age_days": -1}, "max_age_days"),
        ({"max_age_days": "30"}, "max_age_days"),
        ({"max_age_days": True}, "max_age_days"),
        ({"max_age_days": float("inf")}, "max_age_days"),
        ({"max_age_days": float("nan")}, "max_age_days"),
        ({"below_importance": 1.1}, "below_importance"),
        ({"below_importance": -0.1}, "below_importance"),
        ({"below_importance": float("nan")}, "below_importance"),
        ({"keep": -1}, "keep"),
        ({"keep": 2.0}, "keep"),
        ({"keep": True}, "keep"),
        ({"keep": 10**13}, "keep"),
        ({"max_memories": 5}, "known fields: below_importance, keep, max_age_days"),
    ],
)
def test_what_is_no_limit_is_refused_by_its_name(section: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfig, match=f"RetentionConfig field .*{field}"):
        RetentionConfig.model_validate(section)
