"""Readings of a provider that limits requests, over real HTTP and a real Redis."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from memos.configs.mem_reader import MemReaderConfigFactory
from memos.configs.reading import ReadingConfig
from memos.errors import QuotaExceeded, Unavailable
from memos.ids import JobId
from memos.mem_reader.base import Conversation
from memos.mem_reader.rules import RulesReader
from memos.settings import Settings
from scheduler.connection import connect
from scheduler.throttle import Load, Provider, Throttle
from tests.support.openai_server import OpenAIServer, answer, failure, serving
from tests.support.text import USER, DictationReader, work
from workers.throttle import ThrottledReader, find_provider, open_throttled_reader, without_repetitions

pytestmark = pytest.mark.servers

NOTHING = answer('{"facts": []}')
CONVERSATION = Conversation(job=JobId("j"), user=USER, messages=work("j", "I live in Oslo.").messages)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serving() as server:
        server.replies = [NOTHING]
        yield server


def asking(server: OpenAIServer) -> MemReaderConfigFactory:
    llm = {"backend": "openai", "config": {"model_name_or_path": f"m-{uuid.uuid4().hex}", "api_base": server.url}}
    return MemReaderConfigFactory.model_validate({"backend": "simple_struct", "config": {"llm": llm}})


class Asker:
    """One account at the server, as a worker asks it."""

    def __init__(self, server: OpenAIServer, redis: Redis, *, calls: int = 4) -> None:
        config, settings = asking(server), Settings(provider_calls=calls)
        provider = find_provider(config, settings)
        assert provider is not None
        self._throttle = Throttle(redis, provider, max_calls=calls)
        self._reader = open_throttled_reader(config, settings, lambda _: self._throttle)

    def ask(self) -> Exception | None:
        try:
            self._reader.read([CONVERSATION])
        except (QuotaExceeded, Unavailable) as error:
            return error
        return None

    @property
    def load(self) -> Load:
        return self._throttle.read()


@pytest.fixture
def asker(server: OpenAIServer, redis: Redis) -> Asker:
    return Asker(server, redis)


def test_calls_shrink_when_the_provider_refuses_and_grow_back(
    server: OpenAIServer, asker: Asker, eventually: Callable[..., None]
) -> None:
    assert asker.ask() is None
    server.replies = [failure(429, Retry_After="0"), NOTHING]
    refused = asker.ask()
    assert isinstance(refused, QuotaExceeded)
    assert refused.reason == "provider"
    assert (asker.load.limit, asker.load.throttled) == (2.0, 1)
    eventually(lambda: asker.ask() is None and asker.load.limit == 4.0)
    assert asker.load.throttled == 1


def test_while_the_provider_is_closed_it_is_not_asked(server: OpenAIServer, asker: Asker) -> None:
    server.replies = [failure(429, Retry_After="60"), NOTHING]
    asker.ask()
    asked = len(server.requests)
    refused = asker.ask()
    assert isinstance(refused, QuotaExceeded)
    assert 50 < refused.retry_after_s <= 60
    assert len(server.requests) == asked


def test_no_more_calls_than_the_limit_are_in_flight_at_once(
    server: OpenAIServer, redis: Redis, eventually: Callable[..., None]
) -> None:
    server.replies = [type(NOTHING)(hangs=True)]
    asker = Asker(server, redis, calls=2)
    threads = [threading.Thread(target=asker.ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(server.requests) == 2)
    assert isinstance(asker.ask(), QuotaExceeded)
    assert (len(server.requests), asker.load.in_flight) == (2, 2)
    server.released.set()
    for thread in threads:
        thread.join()
    assert asker.load.in_flight == 0


def test_an_outage_of_the_provider_leaves_the_limit_as_it_is(server: OpenAIServer, asker: Asker) -> None:
    server.replies = [failure(500)]
    assert isinstance(asker.ask(), Unavailable)
    assert (asker.load.limit, asker.load.in_flight, asker.load.throttled) == (4.0, 0, 0)


def test_a_refused_call_is_one_request(server: OpenAIServer, asker: Asker) -> None:
    server.replies = [failure(429, Retry_After="0")]
    asker.ask()
    assert len(server.requests) == 1


def test_a_call_that_takes_long_keeps_its_permit(redis: Redis, eventually: Callable[..., None]) -> None:
    throttle = Throttle(redis, Provider(digest=uuid.uuid4().hex, label="l"), max_calls=2, permit_ms=1500)
    seen: list[int] = []

    class Slow(DictationReader):
        def read(self, *args: Any) -> Any:
            throttle.acquire()  # a clock: it runs out when the other permit would, were that not renewed
            eventually(lambda: throttle.read().in_flight < 2)
            seen.append(throttle.read().in_flight)
            return super().read(*args)

    ThrottledReader(Slow(), throttle).read([CONVERSATION])
    assert (seen, throttle.read().in_flight) == ([1], 0)


def test_a_cubes_reader_takes_a_permit_as_well_and_no_more_than_one(redis: Redis, server: OpenAIServer) -> None:
    config = asking(server)
    provider = find_provider(config, Settings())
    assert provider is not None
    throttle = Throttle(redis, provider, max_calls=1)
    common = open_throttled_reader(config, Settings(), lambda _: throttle)
    reader = common.for_cube(ReadingConfig(instructions="Remember pains."))
    reader.read([CONVERSATION])
    assert server.requests[0]["messages"][0]["content"].endswith("Remember pains.")
    held = throttle.acquire()
    with pytest.raises(QuotaExceeded):
        reader.read([CONVERSATION])
    throttle.release_success(held)
    assert (len(server.requests), throttle.read().in_flight) == (1, 0)


def test_an_answer_is_not_lost_because_redis_went_away(redis: Redis) -> None:
    gone = connect("redis://127.0.0.1:1/0")

    class Leaves(Throttle):
        """Grants without asking, and finds Redis away afterwards."""

        def acquire(self) -> Any:
            return Throttle(redis, self.provider, max_calls=1).acquire()

    throttle = Leaves(gone, Provider(digest=uuid.uuid4().hex, label="l"), max_calls=1)
    assert len(ThrottledReader(DictationReader(), throttle).read([CONVERSATION])) == 1


def refuse_to_open(provider: Provider) -> Throttle:
    raise AssertionError(f"{provider} needs no throttle")


def test_the_rules_reader_is_not_throttled() -> None:
    assert isinstance(open_throttled_reader(None, Settings(reader="rules"), refuse_to_open), RulesReader)
    rules = MemReaderConfigFactory.model_validate({"backend": "rules", "config": {}})
    assert isinstance(open_throttled_reader(rules, Settings(), refuse_to_open), RulesReader)


def test_the_reader_of_the_settings_is_throttled_by_its_own_account() -> None:
    settings = Settings(reader="simple_struct", llm_base_url="http://models.internal:8000/v1", llm_model="qwen")
    provider = find_provider(None, settings)
    assert provider is not None
    assert provider.label == "models.internal:8000/qwen"


def test_a_reader_of_a_model_in_this_process_has_no_provider() -> None:
    llm = {"backend": "huggingface", "config": {"model_name_or_path": "m"}}
    config = MemReaderConfigFactory.model_validate({"backend": "simple_struct", "config": {"llm": llm}})
    assert find_provider(config, Settings()) is None
    assert without_repetitions(config) == config
