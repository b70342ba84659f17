"""What search and get_all find: filters, thresholds, scores, and nobody else's memories."""

from typing import Any

import pytest

from memos.clock import ManualClock
from memos.errors import InvalidRequest
from memos.mem0.finding import Finder, Wanted
from memos.mem0.memory import Memory
from memos.mem0.rows import Rows, Stores
from memos.mem0.score import LIFT, build_score
from tests.unit.mem0.conftest import OpenMemory, kept, texts

ANA = {"user_id": "ana"}


def searched(memory: Memory, query: str, **arguments: Any) -> list[str]:
    return texts(memory.search(query, **{"filters": ANA, "threshold": 0, **arguments}))


def test_the_best_comes_first_with_a_score_between_0_and_1(memory: Memory) -> None:
    kept(memory, "green tea with milk", "a boat on the lake", "green tea")
    results = memory.search("green tea", filters=ANA)["results"]
    assert [result["memory"] for result in results] == ["green tea", "green tea with milk"]
    assert results[0]["score"] == pytest.approx(1.0)
    assert 0 < results[1]["score"] < 1
    assert set(results[0]) == {
        *("id", "memory", "hash", "metadata", "score", "created_at", "updated_at", "user_id", "role")
    }


def test_explain_gives_the_parts_that_sum_to_the_score(memory: Memory) -> None:
    kept(memory, "green tea with milk", "tea", "water")
    assert "score_details" not in memory.search("green tea", filters=ANA)["results"][0]
    for result in memory.search("green tea", filters=ANA, explain=True, threshold=0.05)["results"]:
        parts = result["score_details"]
        assert parts["semantic_score"] + parts["bm25_score"] + parts["entity_boost"] == parts["raw_score"]
        assert parts["final_score"] == parts["raw_score"] / parts["max_possible_score"] == result["score"]
        assert parts["threshold"] == 0.05
    assert parts["bm25_score"] > 0


def test_a_threshold_drops_what_scores_lower(memory: Memory) -> None:
    kept(memory, "green tea with milk and sugar", "green tea", "a boat")
    scores = [result["score"] for result in memory.search("green tea", filters=ANA, threshold=0)["results"]]
    assert len(scores) == 3
    between = (scores[0] + scores[1]) / 2
    assert searched(memory, "green tea", threshold=between) == ["green tea"]
    assert len(searched(memory, "green tea", threshold=scores[1])) == 2
    assert len(searched(memory, "green tea", threshold=None)) == len(searched(memory, "green tea", threshold=0.1)) == 2


def test_words_lift_a_score_and_never_lower_it() -> None:
    assert build_score(0.4, 0.0).total == 0.4
    assert build_score(-0.3, 0.0).total == 0.0
    assert 0.4 < build_score(0.4, 2.0).total < build_score(0.4, 9.0).total < 0.4 + 0.6 * LIFT
    assert build_score(1.0, 50.0).total == build_score(1.00001, 0.0).total == 1.0


@pytest.mark.parametrize("top_k", [0, 1, 3])
def test_no_more_than_top_k(memory: Memory, top_k: int) -> None:
    kept(memory, *(f"tea number {number}" for number in range(5)))
    assert (
        len(searched(memory, "tea", top_k=top_k)) == len(memory.get_all(filters=ANA, top_k=top_k)["results"]) == top_k
    )


def test_twenty_by_default(memory: Memory) -> None:
    kept(memory, *(f"tea number {number}" for number in range(25)))
    assert len(searched(memory, "tea")) == len(memory.get_all(filters=ANA)["results"]) == 20


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"n": 2}, ["2"]),
        ({"n": {"ne": 2}}, ["1", "3"]),
        ({"n": {"gt": 1, "lt": 3}}, ["2"]),
        ({"n": {"gte": 2}}, ["2", "3"]),
        ({"n": {"lte": 2}}, ["1", "2"]),
        ({"n": {"in": [1, 3]}}, ["1", "3"]),
        ({"n": {"nin": [1, 3]}}, ["2"]),
        ({"n": "*"}, ["1", "2", "3"]),
        ({"name": {"contains": "wo"}}, ["2"]),
        ({"name": {"icontains": "TH"}}, ["3"]),
        ({"tags": {"contains": "odd"}}, ["1", "3"]),
        ({"NOT": [{"n": "*"}]}, ["none"]),
        ({"NOT": [{"n": 1}, {"n": 2}]}, ["3", "none"]),
        ({"OR": [{"n": 1}, {"AND": [{"n": {"gt": 1}}, {"NOT": [{"name": "three"}]}]}]}, ["1", "2"]),
        ({"AND": [{"user_id": {"in": ["ana", "ben"]}}, {"n": 3}]}, ["3"]),
        ({"AND": [{"user_id": "ben"}]}, []),
        ({"role": "user", "n": 1}, ["1"]),
        ({"role": "assistant"}, []),
        ({"data": {"contains": "2"}}, ["2"]),
        ({"created_at": {"lt": "2024-01-01"}}, ["1"]),
        ({"hash": {"eq": "x"}}, []),
    ],
)
def test_filters_decide_exactly(memory: Memory, condition: dict[str, Any], expected: list[str]) -> None:
    for number, name in ((1, "one"), (2, "two"), (3, "three")):
        day = {"created_at": "2023-05-05"} if number == 1 else {}
        tags = ["odd" if number % 2 else "even"]
        kept(memory, f"tea {number}", metadata={"n": number, "name": name, "tags": tags, **day})
    kept(memory, "tea none")
    kept(memory, "tea 1", "tea 2", user_id="ben", metadata={"n": 2})
    wanted = sorted(f"tea {name}" for name in expected)
    assert sorted(searched(memory, "tea", filters={**ANA, **condition})) == wanted
    assert sorted(texts(memory.get_all(filters={**ANA, **condition}))) == wanted


def test_memories_are_narrowed_by_all_ids_that_are_named(memory: Memory) -> None:
    kept(memory, "tea a", user_id="ana", agent_id="cook", run_id="r1")
    kept(memory, "tea b", user_id="ana", agent_id="cook", run_id="r2")
    kept(memory, "tea c", user_id="ben", agent_id="cook")
    for filters, expected in (
        ({"agent_id": "cook"}, ["tea a", "tea b", "tea c"]),
        ({"agent_id": "cook", "user_id": "ana"}, ["tea a", "tea b"]),
        ({"run_id": "r2", "user_id": " ana "}, ["tea b"]),
        ({"run_id": "r2", "user_id": "ben"}, []),
        ({"user_id": "*", "run_id": "*"}, ["tea a", "tea b"]),
        ({"user_id": "an"}, []),
    ):
        assert sorted(texts(memory.get_all(filters=filters))) == expected
        assert sorted(searched(memory, "tea", filters=filters)) == expected


@pytest.mark.parametrize(
    "nasty", ['ana"]_or_tenant_key_!="', "ana')||('1'=='1", "%", "ana\\", "*ana", "user_id=ana", "'; DROP TABLE x;--"]
)
def test_what_a_filter_says_is_only_a_value(memory: Memory, nasty: str) -> None:
    kept(memory, "tea", metadata={"note": "plain"})
    owner = nasty.replace(" ", "_")
    assert searched(memory, "tea", filters={"user_id": owner}) == []
    assert searched(memory, "tea", filters={**ANA, "note": nasty}) == []
    assert searched(memory, "tea", filters={**ANA, nasty: "plain"}) == []
    kept(memory, "mine", user_id=owner, metadata={nasty: nasty})
    assert searched(memory, "mine", filters={"user_id": owner, nasty: nasty}) == ["mine"]
    memory.delete_all(user_id=owner)
    assert texts(memory.get_all(filters=ANA)) == ["tea"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": None}, "filters must name at least one of user_id, agent_id, run_id"),
        ({"filters": {}}, "filters must name at least one"),
        ({"filters": {"colour": "red"}}, "filters must name at least one"),
        ({"filters": {"AND": [{"user_id": "ana"}]}}, "filters must name at least one"),
        ({"filters": {"OR": [{"user_id": "ana"}, {"user_id": "ben"}]}}, "filters must name at least one"),
        ({"filters": {"user_id": None}}, r"filters\['user_id'\] must be an id"),
        ({"filters": {"user_id": {"ne": "ben"}}}, "must be an id"),
        ({"filters": {"user_id": ["ana"]}}, "must be an id"),
        ({"filters": {"user_id": ""}}, "without white space"),
        ({"filters": [ANA]}, "filters must be a mapping, not list"),
        ({"filters": {**ANA, "n": {"near": 3}}}, "unknown operator 'near'; known: eq, ne"),
        ({"top_k": -1}, "top_k must be a whole number"),
        ({"top_k": True}, "top_k must be a whole number"),
        ({"top_k": 2.5}, "top_k must be a whole number"),
        ({"user_id": "ana"}, "takes no user_id; give filters="),
        ({"limit": 5}, "it is called top_k"),
        ({"colour": "red"}, "takes no 'colour'; known: "),
    ],
)
def test_what_cannot_be_asked_is_refused(memory: Memory, arguments: dict[str, Any], message: str) -> None:
    given = {"filters": ANA, **arguments}
    for call in (lambda: memory.search("tea", **given), lambda: memory.get_all(**given)):
        with pytest.raises(InvalidRequest, match=message) as caught:
            call()
        assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query": " "}, "query is empty"),
        ({"query": None}, "query must be a string"),
        ({"threshold": 1.1}, "threshold must be a number from 0 to 1"),
        ({"threshold": "0.5"}, "threshold must be a number from 0 to 1"),
        ({"reference_date": "2025-01-01"}, "mem0's platform"),
        ({"rerank": True}, "needs a reranker section"),
    ],
)
def test_what_cannot_be_searched_is_refused(memory: Memory, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        memory.search(**{"query": "tea", "filters": ANA, **arguments})


def test_get_all_begins_with_the_oldest(memory: Memory, clock: ManualClock) -> None:
    for text in ("one", "two", "three"):
        kept(memory, text)
        clock.advance_ms(1)
    [first, *_] = memory.get_all(filters=ANA)["results"]
    assert texts(memory.get_all(filters=ANA)) == ["one", "two", "three"]
    assert texts(memory.get_all(filters=ANA, top_k=2)) == ["one", "two"]
    assert "score" not in first


def finder_of(stores: Stores, limit: int) -> Finder:
    return Finder(Rows(stores, tenant="acme", collection="mem0"), max_candidates=limit)


@pytest.mark.parametrize("limit", [16_384, 100, 1])
def test_a_rare_match_is_found_however_many_candidates_come_before_it(
    memory: Memory, stores: Stores, limit: int
) -> None:
    kept(memory, *(f"green tea number {number}" for number in range(300)))
    kept(memory, "a boat and tea", "a lake", metadata={"rare": True})
    wanted = Wanted(
        labels=("user_id=ana",), keep=lambda item: bool(item.metadata.info.get("rare")), threshold=0.0, top_k=5
    )
    found = finder_of(stores, limit).find("green tea", wanted)
    assert [each.item.memory for each in found] == ["a boat and tea", "a lake"]
    assert found[0].score.semantic > found[1].score.semantic


def test_what_shares_words_alone_is_compared_by_its_vector_too(memory: Memory, stores: Stores) -> None:
    kept(memory, *(f"green tea green tea {number}" for number in range(80)), "saxophones of all sorts in many towns")
    wanted = Wanted(labels=("user_id=ana",), keep=lambda _: True, threshold=0.0, top_k=1)
    finder = finder_of(stores, 16_384)
    [best] = finder.find("green tea saxophone", wanted)
    everything = finder.find("green tea saxophone", Wanted(labels=(), keep=lambda _: True, threshold=0.0, top_k=500))
    assert best == everything[0]
    scores = {each.item.memory: each.score for each in everything}
    assert scores["saxophones of all sorts in many towns"].words > 0


def test_a_high_threshold_is_not_paid_for_by_reading_everything(memory: Memory, stores: Stores) -> None:
    kept(memory, *(f"boat {number} of the harbour" for number in range(200)))
    read: list[str] = []

    def keep(item: Any) -> bool:
        read.append(item.id)
        return True

    wanted = Wanted(labels=("user_id=ana",), keep=keep, threshold=0.99, top_k=5)
    assert finder_of(stores, 16_384).find("green tea", wanted) == []
    assert len(set(read)) == 60


def test_two_users_never_see_each_other(memory: Memory) -> None:
    mine = memory.add("I like green tea.", user_id="ana")["results"][0]["id"]
    theirs = memory.add("I like green tea.", user_id="ben")["results"][0]["id"]
    assert mine != theirs
    for user, own in (("ana", mine), ("ben", theirs)):
        filters = {"user_id": user}
        assert [found["id"] for found in memory.search("green tea", filters=filters)["results"]] == [own]
        assert [found["id"] for found in memory.get_all(filters=filters)["results"]] == [own]
    memory.delete_all(user_id="ben")
    assert memory.get(mine) is not None
    assert memory.get(theirs) is None


def test_two_tenants_never_see_each_other(open_memory: OpenMemory) -> None:
    acme, globex = open_memory("acme"), open_memory("globex")
    [mine], [theirs] = kept(acme, "green tea"), kept(globex, "green tea")
    assert [found["id"] for found in acme.search("tea", filters=ANA)["results"]] == [mine]
    assert [found["id"] for found in globex.get_all(filters=ANA)["results"]] == [theirs]
    assert globex.get(mine) is None
    assert globex.history(mine) == []
    for call in (lambda: globex.update(mine, "x"), lambda: globex.delete(mine)):
        with pytest.raises(ValueError, match="there is no memory"):
            call()
    globex.add("green tea", user_id="ana")
    globex.delete_all(user_id="ana")
    globex.reset()
    assert texts(acme.get_all(filters=ANA)) == ["green tea"]
    assert [entry["event"] for entry in acme.history(mine)] == ["ADD"]


def test_two_collections_are_apart(open_memory: OpenMemory) -> None:
    def section(name: str) -> dict[str, Any]:
        return {"provider": "memos", "config": {"collection_name": name}}

    one, two = (open_memory(vector_store=section(name)) for name in ("one", "two"))
    kept(one, "green tea")
    assert two.get_all(filters=ANA) == {"results": []}
    two.reset()
    assert texts(one.get_all(filters=ANA)) == ["green tea"]
