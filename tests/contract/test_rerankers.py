"""What every reranker keeps to: servers over real HTTP in both protocols, models in this process, and none at all."""

import math
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memos.configs.reranker import RerankerConfigFactory
from memos.errors import InvalidConfig, InvalidRequest, QuotaExceeded, Unavailable
from memos.rerankers.base import Reranker
from memos.rerankers.factory import RerankerFactory
from tests.support.embedding_server import Fault, serving
from tests.support.rerank_server import CohereRanks, RankServer, TEIRanks, score
from tests.support.scripted_server import Reply, ScriptedServer, running
from tests.support.tiny_reranker import make_tiny_reranker

QUESTION = "who lives in lisbon"
TEXTS = ["Ben likes tea", "Ana lives in Lisbon", "who knows"]
STRANGE = ["", " ", "\ud800 alone", "\x00", "Zürich, 東京, 🦊" * 50, "a" * 5000, "word " * 600]
SERVERS: dict[str, Callable[[], RankServer]] = {"cohere": CohereRanks, "tei": TEIRanks}


def open_reranker(backend: str, **config: Any) -> Reranker:
    return RerankerFactory.from_config(RerankerConfigFactory.model_validate({"backend": backend, "config": config}))


@dataclass(kw_only=True)
class Bench:
    """A protocol with a server that speaks it."""

    api: str
    server: RankServer

    def open(self, **changes: Any) -> Reranker:
        """A reranker on the server; no retries unless they are asked for."""
        config = {"url": self.server.url, "api_key": self.server.key, "max_retries": 0, "timeout_s": 5, **changes}
        return open_reranker("http_bge", api=self.api, **config)


@pytest.fixture(params=SERVERS)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with serving(SERVERS[request.param]()) as server:
        yield Bench(api=request.param, server=server)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_reranker(tmp_path_factory.mktemp("tiny"))


MODELS = [pytest.param(name, marks=pytest.mark.models) for name in ("cosine_local", "cross_encoder")]


@pytest.fixture(params=["noop", *SERVERS, *MODELS])
def reranker(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    if request.param in SERVERS:
        with serving(SERVERS[request.param]()) as server:
            yield Bench(api=request.param, server=server).open()
        return
    needs_model = request.param == "cross_encoder"
    config = {"model": str(request.getfixturevalue("tiny")), "device": "cpu"} if needs_model else {}
    yield open_reranker(request.param, **config)


class TestEveryReranker:
    def test_there_is_one_finite_score_for_each_text(self, reranker: Reranker) -> None:
        scores = reranker.rerank(QUESTION, [*TEXTS, *STRANGE])
        assert len(scores) == len(TEXTS) + len(STRANGE)
        assert all(isinstance(found, float) and math.isfinite(found) for found in scores)

    def test_scores_are_in_the_order_of_the_texts(self, reranker: Reranker) -> None:
        forward, backward = reranker.rerank(QUESTION, TEXTS), reranker.rerank(QUESTION, TEXTS[::-1])
        assert forward == pytest.approx(backward[::-1], abs=1e-5)

    def test_a_batch_says_of_each_text_what_is_said_of_it_alone(self, reranker: Reranker) -> None:
        texts = [f"number {number} lives {'in lisbon ' * (number % 3)}" for number in range(40)]
        alone = [reranker.rerank(QUESTION, [text])[0] for text in texts[:6]]
        assert reranker.rerank(QUESTION, texts)[:6] == pytest.approx(alone, abs=1e-5)

    def test_a_strange_question_is_a_question(self, reranker: Reranker) -> None:
        for question in STRANGE:
            assert len(reranker.rerank(question, TEXTS)) == 3

    def test_several_threads_get_the_same_scores(self, reranker: Reranker) -> None:
        expected = reranker.rerank(QUESTION, TEXTS)
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: reranker.rerank(QUESTION, TEXTS), range(8)):
                assert found == pytest.approx(expected, abs=1e-5)

    def test_no_texts_have_no_scores(self, reranker: Reranker) -> None:
        assert reranker.rerank(QUESTION, []) == []

    def test_closing_twice_does_no_harm(self, reranker: Reranker) -> None:
        reranker.rerank(QUESTION, TEXTS)
        reranker.close()
        reranker.close()


class TestEveryServer:
    def test_scores_are_those_of_the_model(self, bench: Bench) -> None:
        assert bench.open().rerank(QUESTION, TEXTS) == [pytest.approx(score(QUESTION, text)) for text in TEXTS]

    def test_requests_are_of_the_configured_size(self, bench: Bench) -> None:
        texts = [f"in lisbon {number}" for number in range(33)]
        assert len(bench.open().rerank(QUESTION, texts)) == 33
        assert [len(sent) for sent in bench.server.sent_texts] == [32, 1]
        bench.open(batch_size=20).rerank(QUESTION, texts)
        assert [len(sent) for sent in bench.server.sent_texts[2:]] == [20, 13]

    def test_strange_texts_reach_the_server_as_text(self, bench: Bench) -> None:
        bench.open().rerank("\ud800?", ["", "東京"])
        assert bench.server.sent_texts == [[" ", "東京"]]
        assert bench.server.requests[0].body["query"] == "\ufffd?"

    def test_one_connection_serves_all_calls(self, bench: Bench) -> None:
        row = {"index": 0, "relevance_score": 1, "score": 1}
        with running(ScriptedServer()) as server:
            server.replies = [Reply(body=str({"results": [row]} if bench.api == "cohere" else [row]).replace("'", '"'))]
            reranker = bench.open(url=server.url)
            assert [reranker.rerank("q", ["a"]), reranker.rerank("q", ["b"])] == [[1.0], [1.0]]
            assert server.connections == 1

    @pytest.mark.parametrize(
        "ranks",
        [[(0, 1.0)], [(0, 1.0), (0, 1.0)], [(0, 1.0), (2, 1.0)], [(0, 1.0), (1, math.nan)], [(0, 1.0), (1, None)]],
        ids=["too few", "one twice", "another's", "no number", "nothing"],
    )
    def test_an_answer_that_does_not_fit_the_question_is_refused(
        self, bench: Bench, ranks: list[tuple[int, float]]
    ) -> None:
        bench.server.ranks = [{"index": place, bench.server.score_field: found} for place, found in ranks]
        with pytest.raises(Unavailable, match=r"reranker is unavailable: .* cannot be used"):
            bench.open().rerank("q", ["a", "b"])

    @pytest.mark.parametrize("garbage", ["<html>", "", "{}", "[1]", "null", '{"results": {}}', '[{"index": 0}]'])
    def test_an_answer_of_another_protocol_is_refused(self, bench: Bench, garbage: str) -> None:
        bench.server.faults = [Fault(garbage=garbage)]
        with pytest.raises(Unavailable, match=f"is no ranking of api '{bench.api}'"):
            bench.open().rerank("q", ["a"])

    def test_a_wrong_key_is_told_as_such_and_not_tried_again(self, bench: Bench) -> None:
        with pytest.raises(Unavailable, match=r"refused the .*401\); check api_key") as refused:
            bench.open(api_key="wrong", max_retries=3).rerank("q", ["a"])
        assert "sk-secret" not in str(refused.value)
        assert len(bench.server.requests) == 1

    def test_a_key_and_a_header_may_be_in_the_environment(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEST_RERANK_KEY", bench.server.key)
        monkeypatch.setenv("TEST_RERANK_DOOR", "open")
        bench.open(api_key="env:TEST_RERANK_KEY", headers={"x-door": "env:TEST_RERANK_DOOR"}).rerank("q", ["a"])
        assert bench.server.requests[0].headers["x-door"] == "open"
        with pytest.raises(InvalidConfig, match="TEST_RERANK_NONE"):
            bench.open(api_key="env:TEST_RERANK_NONE")

    def test_an_authorization_header_of_ones_own_goes_before_the_key(self, bench: Bench) -> None:
        own = {"authorization": f"Bearer {bench.server.key}"}
        assert len(bench.open(api_key="wrong", headers=own).rerank("q", ["a"])) == 1

    def test_without_a_key_none_is_sent(self, bench: Bench) -> None:
        with pytest.raises(Unavailable, match="401"):
            bench.open(api_key=None).rerank("q", ["a"])
        assert "authorization" not in bench.server.requests[0].headers

    def test_a_limit_says_when_to_come_again(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=429, headers={"Retry-After": "7"})]
        with pytest.raises(QuotaExceeded) as caught:
            bench.open().rerank("q", ["a"])
        assert caught.value.retry_after_s == 7

    def test_a_repetition_waits_as_long_as_the_server_said(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=429, headers={"Retry-After": "0.3"})]
        started = time.monotonic()
        assert len(bench.open(max_retries=1).rerank("q", ["a"])) == 1
        assert time.monotonic() - started >= 0.3
        assert len(bench.server.requests) == 2

    def test_a_server_in_trouble_is_unavailable_and_asked_again_when_configured(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=500, message="overloaded")]
        with pytest.raises(Unavailable, match=r"answered 500: .*overloaded"):
            bench.open().rerank("q", ["a"])
        bench.server.faults = [Fault(status=503, headers={"Retry-After": "0.01"})]
        assert len(bench.open(max_retries=1).rerank("q", ["a"])) == 1

    def test_a_request_that_cannot_succeed_is_the_callers_mistake(self, bench: Bench) -> None:
        bench.server.faults = [Fault(status=413, message="too many")]
        with pytest.raises(InvalidRequest, match=r"answered 413: .*too many"):
            bench.open(max_retries=3).rerank("q", ["a"])
        assert len(bench.server.requests) == 1

    def test_an_address_without_a_reranker_is_told_with_what_to_do(self, bench: Bench) -> None:
        with pytest.raises(InvalidRequest, match=r"answered 404.*with /rerank"):
            bench.open(url=bench.server.address).rerank("q", ["a"])

    def test_silence_ends_with_the_time_out(self, bench: Bench) -> None:
        bench.server.faults = [Fault(hangs=True)]
        with pytest.raises(Unavailable, match=r"no answer from .* within 0.3 s"):
            bench.open(timeout_s=0.3).rerank("q", ["a"])

    def test_nobody_at_home_is_told_as_such(self, bench: Bench) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/rerank"
        with pytest.raises(Unavailable, match=f"no connection to {url}"):
            bench.open(url=url).rerank("q", ["a"])

    def test_an_answer_that_stops_early_is_unavailable(self, bench: Bench) -> None:
        with running(ScriptedServer()) as server:
            server.replies = [Reply(body="[", is_cut=True)]
            with pytest.raises(Unavailable, match="no connection"):
                bench.open(url=server.url).rerank("q", ["a"])

    def test_no_redirection_is_followed(self, bench: Bench) -> None:
        with running(ScriptedServer()) as door:
            door.replies = [Reply(status=307, headers={"Location": bench.server.url})]
            with pytest.raises(InvalidRequest, match="answered 307"):
                bench.open(url=door.url).rerank("q", ["a"])
        assert bench.server.requests == []


def test_a_cohere_server_is_told_the_model_and_to_rank_all() -> None:
    with serving(CohereRanks()) as server:
        bench = Bench(api="cohere", server=server)
        assert len(bench.open().rerank("q", ["a", "b", "c", "d", "e"])) == 5
        with pytest.raises(InvalidRequest, match="'another' does not exist"):
            bench.open(model="another").rerank("q", ["a"])


def test_a_server_of_the_other_protocol_refuses() -> None:
    with serving(TEIRanks()) as server, pytest.raises(InvalidRequest, match="nothing to rank"):
        Bench(api="cohere", server=server).open().rerank("q", ["a"])
