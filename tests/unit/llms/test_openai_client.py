"""What a provider's headers say."""

import pytest

from memos.llms.openai_client import parse_retry_after


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"date": "Mon, 10 Mar 2025 10:00:00 GMT", "retry-after": "Mon, 10 Mar 2025 10:00:42 GMT"}, 42),
        ({"retry-after": "Mon, 10 Mar 2025 10:00:42 GMT"}, 10),
        ({"retry-after": "soon"}, 10),
        ({"retry-after": "-5"}, 10),
        ({"retry-after": "inf"}, 10),
        ({"retry-after": "nan"}, 10),
        ({}, 10),
    ],
)
def test_the_wait_is_what_the_server_says_or_ten_seconds(headers: dict[str, str], expected: float) -> None:
    assert parse_retry_after(headers) == expected
