"""Searches that ask a model: what it adds, and what is left when it fails."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.errors import Unavailable
from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.memories.textual.stores import TextStores
from memos.recall.advice import Adviser
from memos.recall.modes import EXPANDED_SHARE, RANK_OFFSET, GuidedSearch, join, put_first
from memos.recall.options import Mode, SearchOptions
from memos.recall.search import Recall, SearchResult
from memos.types import Hit, Memory
from tests.support.text import LANE, open_twins, work, write

FINE, MIXTURE = SearchOptions(mode=Mode.FINE), SearchOptions(mode=Mode.MIXTURE)


@dataclass
class Model:
    """A model that says what it was given, in turn; an error is raised."""

    answers: list[Any]
    asked: list[str] = field(default_factory=list)
    model: str = "prepared"

    def generate(self, messages: Sequence[Any], *, json_schema: Any = None) -> str:
        self.asked.append(messages[-1]["content"])
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    def generate_stream(self, messages: Sequence[Any]) -> Iterator[str]:
        yield self.generate(messages)


@pytest.fixture
def stores() -> TextStores:
    opened = open_twins()
    write(opened, work("j1", "Rex sleeps all day", "the garden is green", "a dog named Rex", "tea is ready"))
    return opened


def search(stores: TextStores, model: Model, options: SearchOptions, *, top_k: int = 2) -> SearchResult:
    guided = GuidedSearch(recall=Recall(stores), adviser=Adviser(llm=model))
    return guided.search(LANE.tenant, [LANE.cube], "green garden?", top_k=top_k, options=options)


def texts(result: SearchResult) -> list[str]:
    return [hit.memory.text for hit in result.hits]


AWAY = Unavailable("llm", "gone")


class TestGuidedSearch:
    def test_a_mixture_finds_what_only_other_words_find_and_says_by_which_search(self, stores: TextStores) -> None:
        model = Model([{"queries": ["a dog named Rex"]}])
        result = search(stores, model, MIXTURE, top_k=3)
        assert result.degraded == ()
        assert len(model.asked) == 1
        assert "a dog named Rex" in texts(result)[:2]
        assert {name for hit in result.hits for name in hit.parts} == {"question", "expanded"}
        assert all(hit.sources for hit in result.hits)

    def test_fine_puts_first_what_the_model_says_answers(self, stores: TextStores) -> None:
        plain = texts(search(stores, Model([{"queries": []}]), MIXTURE, top_k=4))
        model = Model([{"queries": []}, {"relevant": [plain.index("tea is ready") + 1]}])
        result = search(stores, model, FINE, top_k=4)
        assert texts(result) == ["tea is ready", *(text for text in plain if text != "tea is ready")]
        assert result.hits[0].score > result.hits[1].score
        assert result.hits[0].parts["judged"] > 1

    @pytest.mark.parametrize(
        ("answers", "missing"),
        [
            ([AWAY, {"relevant": []}], ["expansion: llm"]),
            ([{"queries": []}, AWAY], ["judging: llm"]),
            ([AWAY, AWAY], ["expansion: llm", "judging: llm"]),
            ([{"no": 1}, {"no": 1}], ["expansion: llm", "judging: llm"]),
        ],
    )
    def test_a_model_that_fails_takes_only_its_own_part_away(
        self, stores: TextStores, answers: list[Any], missing: list[str]
    ) -> None:
        result = search(stores, Model(answers), FINE)
        assert texts(result)[0] == "the garden is green"
        assert [each[: len(said)] for each, said in zip(result.degraded, missing, strict=True)] == missing

    def test_what_bounds_an_answer_bounds_the_whole_of_it(self, stores: TextStores) -> None:
        model = Model([{"queries": ["a dog named Rex", "tea is ready"]}])
        assert len(search(stores, model, replace(MIXTURE, max_tokens=7), top_k=4).hits) == 1

    def test_another_tenants_memories_are_not_shown_to_the_model(self, stores: TextStores) -> None:
        other = replace(LANE, tenant="other")  # type: ignore[arg-type]
        model = Model([{"queries": ["Rex"]}, {"relevant": []}])
        guided = GuidedSearch(recall=Recall(stores), adviser=Adviser(llm=model))
        found = guided.search(other.tenant, [LANE.cube], "Rex?", top_k=2, options=FINE)
        assert (found.hits, len(model.asked)) == ([], 1)


def a_hit(name: str) -> Hit:
    memory = Memory(id=MemoryId(name), cube=CubeId("c"), user=UserId("u"), session=SessionId("s"), text=name)
    return Hit(memory=memory, score=9.0, parts={"dense": 9.0})


class TestJoin:
    def test_ranks_are_joined_and_the_questions_own_count_more(self) -> None:
        own, other = (SearchResult(hits=[a_hit(name) for name in names]) for names in ("ab", "ba"))
        joined = join([own, other])
        assert [hit.memory.id for hit in joined] == ["a", "b"]
        first = {"question": 1 / (RANK_OFFSET + 1), "expanded": EXPANDED_SHARE / (RANK_OFFSET + 2)}
        assert joined[0].parts == pytest.approx(first)
        assert joined[0].score == pytest.approx(sum(first.values()))

    @given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=4))
    def test_every_hit_is_there_once_and_the_scores_fall(self, lists: list[list[str]]) -> None:
        joined = join([SearchResult(hits=[a_hit(name) for name in names]) for names in lists])
        found = [hit.memory.id for hit in joined]
        assert sorted(found) == sorted({name for names in lists for name in names})
        scores = [hit.score for hit in joined]
        assert scores == sorted(scores, reverse=True)

    @given(st.permutations(range(4)), st.integers(min_value=0, max_value=4))
    def test_what_is_put_first_is_first_in_its_order_and_nothing_is_lost(self, order: list[int], count: int) -> None:
        hits = [a_hit(name) for name in "abcd"]
        found = put_first(hits, order[:count])
        assert [hit.memory.id for hit in found[:count]] == ["abcd"[place] for place in order[:count]]
        assert sorted(hit.memory.id for hit in found) == list("abcd")
