"""Asking a provider again, and when not to."""

from collections.abc import Callable

import pytest

from memos.errors import InvalidRequest, MemosError, QuotaExceeded, Unavailable
from memos.llms.failures import Failure, call_again, explain_connection, explain_status, explain_timeout
from memos.llms.openai_client import Endpoint

ENDPOINT = Endpoint(dependency="embedder", url="http://e", timeout_s=3)


class Refusal(Exception):
    """What the provider's SDK raises."""


class Provider:
    """Refuses so many times, then answers; remembers how long somebody waited between."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.calls = 0
        self.pauses: list[float] = []

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.refusals:
            raise Refusal
        return "answer"

    def ask(self, explain: Callable[[Exception], Failure], *, max_retries: int) -> str:
        return call_again(self, explain, errors=(Refusal,), max_retries=max_retries, pause=self.pauses.append)


def _status(status: int, **headers: str) -> Callable[[Exception], Failure]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: explain_status(ENDPOINT, status=status, said="no", headers=named)


def test_pauses_grow_and_have_an_end() -> None:
    provider = Provider(6)
    assert provider.ask(_status(500), max_retries=6) == "answer"
    assert provider.pauses == [0.5, 1, 2, 4, 8, 8]


def test_a_named_time_is_waited_for() -> None:
    provider = Provider(2)
    assert provider.ask(_status(429, retry_after="33"), max_retries=2) == "answer"
    assert provider.pauses == [33, 33]


def test_a_limit_without_a_time_is_asked_again_soon_but_told_with_one() -> None:
    provider = Provider(2)
    with pytest.raises(QuotaExceeded) as caught:
        provider.ask(_status(429), max_retries=1)
    assert caught.value.retry_after_s == 10
    assert provider.pauses == [0.5]


def test_nobody_waits_for_more_than_a_minute() -> None:
    provider = Provider(1)
    with pytest.raises(QuotaExceeded):
        provider.ask(_status(429, retry_after="61"), max_retries=5)
    assert provider.calls == 1


@pytest.mark.parametrize(
    ("status", "family", "calls"),
    [
        (400, InvalidRequest, 1),
        (401, Unavailable, 1),
        (403, Unavailable, 1),
        (404, InvalidRequest, 1),
        (408, Unavailable, 3),
        (429, QuotaExceeded, 3),
        (500, Unavailable, 3),
        (503, Unavailable, 3),
    ],
)
def test_only_what_may_pass_is_asked_again(status: int, family: type[MemosError], calls: int) -> None:
    provider = Provider(9)
    with pytest.raises(family):
        provider.ask(_status(status), max_retries=2)
    assert provider.calls == calls


@pytest.mark.parametrize("explain", [explain_timeout, lambda endpoint: explain_connection(endpoint, "gone")])
def test_a_server_that_is_away_may_come_back(explain: Callable[[Endpoint], Failure]) -> None:
    assert Provider(1).ask(lambda _: explain(ENDPOINT), max_retries=1) == "answer"
    with pytest.raises(Unavailable, match="http://e"):
        Provider(1).ask(lambda _: explain(ENDPOINT), max_retries=0)


def test_an_error_of_our_own_is_not_explained() -> None:
    with pytest.raises(ZeroDivisionError):
        call_again(lambda: 1 // 0, _status(500), errors=(Refusal,), max_retries=3)


def test_a_missing_model_says_what_to_do() -> None:
    failure = explain_status(ENDPOINT, status=404, said="no", headers={}, missing="ollama pull m")
    assert str(failure.error).endswith("ollama pull m")
    failure = explain_status(ENDPOINT, status=401, said="no", headers={}, credential="the account")
    assert str(failure.error).endswith("check the account")
