"""Every option of a search through MOS, several searches at once, and who cannot follow them."""

from typing import Any

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.memory import NaiveTextMemoryConfig
from memos.errors import InvalidConfig, InvalidRequest
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from memos.memories.textual.naive import NaiveTextMemory
from tests.unit.mem_os.conftest import OpenMOS, texts

pytestmark = pytest.mark.models

TEA, BICYCLE, PORTO = "I drink green tea.", "I own a red bicycle.", "I live in Porto."
BLACK = "I drink black tea at work with milk and sugar."


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
    own = GeneralMemCube(own_config("own"))
    own.add([BLACK])
    mos.register_mem_cube(own)
    return mos


def own_config(cube_id: str) -> GeneralMemCubeConfig:
    """Of a cube in RAM."""
    config = {"cube_id": cube_id, "text_mem": {"backend": "naive_text", "config": {}}}
    return GeneralMemCubeConfig.model_validate(config)


OLD, RED = "I drank tea in Kyoto.", "I drink red tea."
OBJECT_OPTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "as_of": ({"as_of": "2021-06-01"}, {OLD}),
    "said_from": ({"said_from": "2022-01-01"}, {TEA, BLACK, RED}),
    "said_until": ({"said_until": "2022-01-01"}, {OLD}),
    "filters": ({"filters": {"info.colour": "red", "NOT": [{"said_at": {"lt": "2022-01-01"}}]}}, {RED}),
    "memory_types": ({"memory_types": ["OuterMemory"]}, {RED}),
    "several": ({"memory_types": ["LongTermMemory"], "said_until": "2022-01-01", "max_tokens": 100}, {OLD}),
}


@pytest.mark.parametrize(("options", "wanted"), OBJECT_OPTIONS.values(), ids=OBJECT_OPTIONS)
def test_an_object_follows_each_option_like_the_stores(mixed: MOS, options: dict[str, Any], wanted: set[str]) -> None:
    own = mixed.mem_cubes["own"]
    old = {"said_at": "2021-01-01", "invalid_at": "2021-12-31", "info": {"colour": "red"}}
    red = {"memory_type": "OuterMemory", "info": {"colour": "red"}}
    own.add([{"memory": OLD, "metadata": old}, {"memory": RED, "metadata": red}])
    assert set(texts(mixed.search("tea", **options))) == wanted
    assert [set(texts(found)) for found in mixed.search_many(["tea", "red tea"], **options)] == [wanted] * 2


def test_a_repetition_across_stores_and_objects_gives_way(mixed: MOS) -> None:
    repeated = [TEA, "I drink green tea now.", "I drink green tea daily."]
    mixed.mem_cubes["own"].add([*repeated, "Water boils at a hundred degrees for tea."])
    assert set(texts(mixed.search("I drink green tea", top_k=2))) <= set(repeated)
    first, second = texts(mixed.search("I drink green tea", top_k=2, mmr=0.1))
    assert first in repeated
    assert second not in repeated


def test_an_object_is_never_asked_for_more_than_a_search_may_find(mixed: MOS) -> None:
    assert set(texts(mixed.search("tea", top_k=500, mmr=1))) == {TEA, BLACK}


class Modest(NaiveTextMemory):
    """A memory of the application's own, whose search takes one option."""

    def search(self, query: str, top_k: int = 5, *, memory_types: Any = ()) -> Any:  # type: ignore[override]
        return super().search(query, top_k, memory_types=memory_types)


class ModestCube(GeneralMemCube):
    """Has such a memory."""

    def _part(self, name: str) -> Any:
        return self._made.setdefault("text", Modest(NaiveTextMemoryConfig())) if name == "text_mem" else None


class PlainCube(GeneralMemCube):
    """Its own search takes no options, though that of its memories does."""

    def search(self, query: str, top_k: int = 5) -> Any:  # type: ignore[override]
        return super().search(query, top_k)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (ModestCube, {"as_of": "2026-01-01"}),
        (ModestCube, {"said_from": "2020-01-01"}),
        (ModestCube, {"filters": {"key": "tea"}}),
        (PlainCube, {"memory_types": ["UserMemory"]}),
    ],
)
def test_an_object_that_cannot_follow_an_option_is_named(
    mixed: MOS, kind: type[GeneralMemCube], option: dict[str, Any]
) -> None:
    (name,) = option
    mixed.register_mem_cube(kind(own_config("modest")))
    with pytest.raises(InvalidRequest, match=f"cube 'modest' is an object .* cannot be searched with {name};"):
        mixed.search("tea", **option)
    mixed.search("tea", mem_cube_ids=["notes", "own"], **option)
    mixed.search("tea", mmr=0.5, max_tokens=100)


def test_an_object_is_asked_with_the_options_that_it_takes(mixed: MOS) -> None:
    cube = ModestCube(own_config("modest"))
    cube.add([{"memory": RED, "metadata": {"memory_type": "OuterMemory"}}, OLD])
    mixed.register_mem_cube(cube)
    assert texts(mixed.search("tea", mem_cube_ids=["modest"], memory_types=["OuterMemory"])) == [RED]


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
