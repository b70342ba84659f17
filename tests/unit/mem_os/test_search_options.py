"""Every option of a search through MOS, several searches at once, and who cannot follow them."""

from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import InvalidConfig, InvalidRequest
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from tests.unit.mem_os.conftest import OpenMOS, texts

pytestmark = pytest.mark.models

TEA, BICYCLE, PORTO = "I drink green tea.", "I own a red bicycle.", "I live in Porto."


@pytest.fixture
def user(mos: MOS, ana: str) -> str:
    """A user who said three things, one a year."""
    for year, fact in enumerate((TEA, BICYCLE, PORTO), start=2022):
        said = {"role": "user", "content": fact, "chat_time": f"{year}-06-01"}
        mos.add([said], user_id=ana)
    return ana


def kept(mos: MOS, user: str, **fields: Any) -> None:
    """The memory of tea, with these fields."""
    (tea,) = [node for node in mos.get_all(user_id=user)["text_mem"][0]["memories"]["nodes"] if node.memory == TEA]
    mos.update(user, tea.id, {"metadata": {**tea.metadata.model_dump(), **fields}}, user_id=user)


OPTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "none": ({}, {TEA, BICYCLE, PORTO}),
    "as_of": ({"as_of": "2023-07-01"}, {TEA, BICYCLE}),
    "said_from": ({"said_from": "2023-01-01"}, {BICYCLE, PORTO}),
    "said_until": ({"said_until": "2023-01-01"}, {TEA}),
    "filters": ({"filters": {"NOT": [{"said_at": {"gte": "2023-01-01", "lt": "2024-01-01"}}]}}, {TEA, PORTO}),
    "memory_types": ({"memory_types": ["OuterMemory"]}, set()),
    "max_tokens": ({"max_tokens": 1}, set()),
}


@pytest.mark.parametrize(("options", "wanted"), OPTIONS.values(), ids=OPTIONS)
def test_each_option_makes_its_difference(mos: MOS, user: str, options: dict[str, Any], wanted: set[str]) -> None:
    assert set(texts(mos.search("What do I have?", user_id=user, **options))) == wanted
    assert [set(texts(found)) for found in mos.search_many(["tea?", "home?"], user_id=user, **options)] == [wanted] * 2


def test_what_is_no_longer_true_is_found_but_not_as_of_today(mos: MOS, user: str) -> None:
    kept(mos, user, invalid_at="2023-01-01")
    assert TEA in texts(mos.search("tea", user_id=user))
    assert TEA in texts(mos.search("tea", user_id=user, as_of="2022-07-01"))
    assert TEA not in texts(mos.search("tea", user_id=user, as_of="2024-07-01"))


def test_what_has_expired_is_not_found(mos: MOS, user: str) -> None:
    kept(mos, user, expires_at="2023-01-01")
    assert set(texts(mos.search("tea", user_id=user))) == {BICYCLE, PORTO}


def test_mmr_puts_something_else_before_a_repetition(mos: MOS, ana: str) -> None:
    for fact in ("I drink green tea.", "I drink green tea daily.", "I drink from a blue cup."):
        mos.add(memory_content=fact, user_id=ana)
    repeated = texts(mos.search("I drink green tea", user_id=ana, top_k=2))
    assert set(repeated) == {"I drink green tea.", "I drink green tea daily."}
    diverse = texts(mos.search("I drink green tea", user_id=ana, top_k=2, mmr=0.2))
    assert "I drink from a blue cup." in diverse


def test_several_questions_are_answered_in_order_like_one_by_one(mos: MOS, user: str) -> None:
    queries = ["What do I drink?", "Where do I live?", "What do I drink?"]
    found = mos.search_many(queries, user_id=user, top_k=1)
    assert [texts(each) for each in found] == [[TEA], [PORTO], [TEA]]
    assert found[1] == mos.search(queries[1], user_id=user, top_k=1)
    assert mos.search_many([], user_id=user) == []


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "as_of": ({"as_of": "then"}, "as_of must be a datetime"),
    "filters": ({"filters": {"colour": "red"}}, "unknown field 'colour'"),
    "mmr": ({"mmr": 2}, "mmr must be"),
    "max_tokens": ({"max_tokens": -1}, "max_tokens must be"),
    "another": ({"as_off": "2026-01-01"}, "unknown search option 'as_off'"),
}


@pytest.mark.parametrize(("options", "why"), BAD.values(), ids=BAD)
def test_options_that_cannot_be_followed_are_refused(mos: MOS, ana: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        mos.search("tea", user_id=ana, **options)


@pytest.mark.parametrize(
    ("queries", "why"),
    [("tea", "must be a list of texts, not str"), (["tea", ""], "query is empty"), (["x"] * 1001, "1,001 queries")],
)
def test_queries_that_cannot_be_asked_are_refused(mos: MOS, ana: str, queries: Any, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        mos.search_many(queries, user_id=ana)


def test_without_textual_memory_there_is_nothing_to_search(open_mos: OpenMOS) -> None:
    with pytest.raises(InvalidConfig, match="textual memory is off"):
        open_mos(enable_textual_memory=False).search_many(["tea"])


@pytest.fixture
def mixed(open_mos: OpenMOS) -> MOS:
    """A cube in the stores, and an object of the application's own."""
    mos = open_mos()
    mos.add(memory_content=TEA)
    config = {"cube_id": "own", "text_mem": {"backend": "naive_text", "config": {}}}
    own = GeneralMemCube(GeneralMemCubeConfig.model_validate(config))
    own.add(["I drink black tea at work with milk and sugar."])
    mos.register_mem_cube(own)
    return mos


@pytest.mark.parametrize(
    "option",
    [{"as_of": "2026-01-01"}, {"said_from": "2020-01-01"}, {"filters": {"key": "tea"}}, {"mmr": 0.5}],
    ids=lambda option: next(iter(option)),
)
def test_an_object_that_cannot_follow_an_option_is_named(mixed: MOS, option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InvalidRequest, match=f"cube 'own' is an object .* cannot be searched with {name};"):
        mixed.search("tea", **option)
    mixed.search("tea", mem_cube_ids=["notes"], **option)


def test_a_budget_holds_for_stores_and_objects_together(mixed: MOS) -> None:
    assert len(texts(mixed.search("tea"))) == 2
    assert texts(mixed.search("tea", max_tokens=7)) == [TEA]
    assert [len(texts(found)) for found in mixed.search_many(["tea", "milk"])] == [2, 2]


def test_parts_are_left_out_for_stores_and_objects_together(mixed: MOS) -> None:
    told = [item for shelf in mixed.search("tea")["text_mem"] for item in shelf["memories"]]
    plain = [item for shelf in mixed.search("tea", explain=False)["text_mem"] for item in shelf["memories"]]
    assert [item.id for item in plain] == [item.id for item in told] != []
    assert all(item.parts for item in told)
    assert all(item.parts is None for item in plain)
