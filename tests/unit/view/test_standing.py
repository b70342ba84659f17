"""Whether a memory still counts."""

from typing import Any

import pytest

from memos.types import MemoryStatus
from memos.view.standing import Standing, standing
from tests.support.sample_graph import NOW_MS, memory

ARCHIVED = {"status": MemoryStatus.ARCHIVED}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Standing.CURRENT),
        ({"invalid_at_ms": NOW_MS + 1, "expires_at_ms": NOW_MS + 1}, Standing.CURRENT),
        ({"invalid_at_ms": NOW_MS}, Standing.PAST),
        ({"expires_at_ms": NOW_MS}, Standing.EXPIRED),
        ({"expires_at_ms": NOW_MS, "invalid_at_ms": NOW_MS}, Standing.EXPIRED),
        (ARCHIVED, Standing.ARCHIVED),
        ({**ARCHIVED, "expires_at_ms": NOW_MS, "invalid_at_ms": NOW_MS}, Standing.ARCHIVED),
    ],
)
def test_the_first_reason_not_to_count_is_named(values: dict[str, Any], expected: Standing) -> None:
    assert standing(memory(0, "x", **values), now_ms=NOW_MS) is expected
