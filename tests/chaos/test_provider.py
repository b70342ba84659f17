"""The stand-in for a model: what the product's own reader and embedder get from it, in each of its moods."""

from collections.abc import Iterator

import pytest

from memos.configs.embedder import UniversalAPIEmbedderConfig
from memos.embedders.openai import UniversalAPIEmbedder
from memos.errors import QuotaExceeded, Unavailable
from memos.ids import JobId, MessageId, UserId
from memos.mem_reader.base import Conversation, Fact
from memos.mem_reader.factory import build_reader
from memos.settings import Settings
from memos.types import Message, Role
from workers.chaos.answers import DIMENSION, build_text, find_op
from workers.chaos.provider import RETRY_AFTER_S, Mood, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    running = Provider(thinking_s=0.0)
    yield running
    running.close()


def read(provider: Provider, *ops: str) -> list[list[Fact]]:
    settings = Settings(llm_base_url=provider.url, llm_model="chaos")
    conversations = [
        Conversation(
            job=JobId(f"job-{op}"),
            user=UserId("u"),
            messages=(Message(id=MessageId(op), role=Role.USER, text=build_text(op), speaker="user", said_at_ms=1),),
        )
        for op in ops
    ]
    return build_reader("simple_struct", settings).read(conversations)


def test_each_message_becomes_one_fact_that_names_its_op(provider: Provider) -> None:
    facts = read(provider, "t0/s0/1", "t0/s0/2")
    assert [[find_op(fact.text) for fact in found] for found in facts] == [["t0/s0/1"], ["t0/s0/2"]]


def test_the_same_question_is_never_answered_alike(provider: Provider) -> None:
    assert read(provider, "t0/s0/1") != read(provider, "t0/s0/1")


def test_the_same_text_has_the_same_vector(provider: Provider) -> None:
    config = UniversalAPIEmbedderConfig(model_name_or_path="chaos", base_url=provider.url)
    embedder = UniversalAPIEmbedder(config)
    one, other, again = embedder.embed(["one", "other", "one"])
    assert one == again != other
    assert len(one) == DIMENSION
    embedder.close()


def test_a_failing_provider_is_away(provider: Provider) -> None:
    provider.mood = Mood.FAILING
    with pytest.raises(Unavailable):
        read(provider, "t0/s0/1")


def test_a_storm_asks_for_patience(provider: Provider) -> None:
    provider.mood = Mood.STORM
    with pytest.raises(QuotaExceeded) as caught:
        read(provider, "t0/s0/1")
    assert caught.value.retry_after_s == RETRY_AFTER_S
