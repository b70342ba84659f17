"""Readers that ask a provider of models only as often as it bears. See scheduler/throttle.py."""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread
from typing import Any

from memos.configs.llm import RemoteLLMConfig
from memos.configs.mem_reader import MemReaderConfigFactory, SimpleStructMemReaderConfig
from memos.configs.reading import ReadingConfig
from memos.configs.secret import reveal
from memos.errors import QuotaExceeded, Unavailable
from memos.llms.base import LLM, ChatMessages
from memos.mem_reader.base import Conversation, Fact, Reader
from memos.settings import Settings
from memos.wiring import open_reader
from scheduler.throttle import Permit, Provider, Throttle, name_provider

log = logging.getLogger(__name__)


class ThrottledReader:
    """A reader that takes a permit for each reading.

    Raises QuotaExceeded (reason ``provider``) when none is free, and when the provider refuses; the next calls are
    fewer then, in all workers.
    """

    def __init__(self, reader: Reader, throttle: Throttle) -> None:
        self._reader = reader
        self._throttle = throttle

    @property
    def keeps_answers(self) -> bool:
        return self._reader.keeps_answers

    @property
    def llm(self) -> LLM | None:
        return None if self._reader.llm is None else ThrottledLLM(self._reader.llm, self._throttle)

    def for_cube(self, own: ReadingConfig) -> "ThrottledReader":
        return ThrottledReader(self._reader.for_cube(own), self._throttle)

    def read(self, conversations: Sequence[Conversation]) -> list[list[Fact]]:
        with _permitted(self._throttle):
            return self._reader.read(conversations)


class ThrottledLLM:
    """A model that takes a permit for each answer, under the same rules."""

    def __init__(self, llm: LLM, throttle: Throttle) -> None:
        self._llm = llm
        self._throttle = throttle

    @property
    def model(self) -> str:
        return self._llm.model

    def generate(self, messages: ChatMessages, *, json_schema: Mapping[str, Any] | None = None) -> str:
        with _permitted(self._throttle):
            return self._llm.generate(messages, json_schema=json_schema)

    def generate_stream(self, messages: ChatMessages) -> Iterator[str]:
        with _permitted(self._throttle):
            yield from self._llm.generate_stream(messages)


@contextmanager
def _permitted(throttle: Throttle) -> Generator[None]:
    """A permit for what is done inside, given back with what became of it."""
    permit = throttle.acquire()
    release = partial(throttle.release_failure, permit)
    try:
        with _renewed(throttle, permit):
            yield
        release = partial(throttle.release_success, permit)
    except QuotaExceeded as error:
        release = partial(throttle.release_throttled, permit, retry_after_s=error.retry_after_s)
        raise
    finally:
        _unless_redis_is_away(release)


def open_throttled_reader(
    config: MemReaderConfigFactory | None, settings: Settings, open_throttle: Callable[[Provider], Throttle]
) -> Reader:
    """The reader that was asked for, throttled if it asks a provider over HTTP. Raises InvalidConfig."""
    reader = open_reader(without_repetitions(config), settings)
    provider = find_provider(config, settings)
    return reader if provider is None else ThrottledReader(reader, open_throttle(provider))


def find_provider(config: MemReaderConfigFactory | None, settings: Settings) -> Provider | None:
    """Who answers a reader's questions over HTTP; None when nobody does."""
    if config is None:
        return _provider_of_settings(settings)
    if not isinstance(config.config, SimpleStructMemReaderConfig):
        return None
    llm = config.config.llm.config
    if not isinstance(llm, RemoteLLMConfig):
        return None
    key = reveal(llm.api_key) if llm.api_key is not None else ""
    return name_provider(llm.url, llm.model_name_or_path, key)


def without_repetitions(config: MemReaderConfigFactory | None) -> MemReaderConfigFactory | None:
    """The same reader, but one call is one request: whether and when it is repeated is decided by the scheduler."""
    if config is None or not isinstance(config.config, SimpleStructMemReaderConfig):
        return config
    struct = config.config
    if not isinstance(struct.llm.config, RemoteLLMConfig):
        return config
    llm = struct.llm.model_copy(update={"config": struct.llm.config.model_copy(update={"max_retries": 0})})
    return config.model_copy(update={"config": struct.model_copy(update={"llm": llm})})


def _provider_of_settings(settings: Settings) -> Provider | None:
    if settings.reader == "rules" or not settings.llm_base_url:
        return None
    return name_provider(settings.llm_base_url, settings.llm_model or "", settings.llm_api_key.get_secret_value())


@contextmanager
def _renewed(throttle: Throttle, permit: Permit) -> Generator[None]:
    """Renew the permit from a thread while the call goes on: some take minutes, and a vanished worker must not."""
    done = Event()

    def renew() -> None:
        while not done.wait(throttle.permit_ms / 3000):
            _unless_redis_is_away(lambda: throttle.renew(permit))

    thread = Thread(target=renew, name="memos-permit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _unless_redis_is_away(step: Callable[[], None]) -> None:
    """An answer that was paid for is worth more than the count of calls: permits run out by themselves."""
    try:
        step()
    except Unavailable as error:
        log.warning("a permit was left to run out: %s", error)
