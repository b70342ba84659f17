"""Search in an index alone: how far it looks, and what that costs; the rest: tests/contract/test_textual_options.py."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from memos.configs.memory import NaiveTextMemoryConfig
from memos.ids import CubeId, MemoryId, TenantId
from memos.memories.textual.indexed import IndexedTextMemory, RecordStores
from memos.memories.textual.search import MIN_CANDIDATES, SPARE_CANDIDATES, RecordSearch
from memos.recall.options import SearchOptions, parse_options
from memos.settings import Settings
from memos.vec_dbs.base import IndexFilter
from tests.support.text import Patchy, WordEmbedder

NOW_MS = 1_777_593_600_000
RARE = parse_options({"filters": {"info.rare": True}})


class Index(Patchy):
    """Remembers how long the lists were that it was asked for, by what, and how many records."""

    def __init__(self, *, dense: bool = True) -> None:
        super().__init__(dense=dense)
        self.limits: list[tuple[str, int]] = []
        self.filters: set[IndexFilter] = set()
        self.read = 0

    def search_dense(self, *args: Any, limit: int, **options: Any) -> Any:
        self.limits.append(("dense", limit))
        return super().search_dense(*args, limit=limit, **options)

    def search_text(self, tenant: TenantId, text: str, where: IndexFilter, *, limit: int, **options: Any) -> Any:
        self.limits.append(("text", limit))
        self.filters.add(where)
        return super().search_text(tenant, text, where, limit=limit, **options)

    def find_records(self, tenant: TenantId, cube: CubeId, ids: Sequence[MemoryId], **options: Any) -> Any:
        self.read += len(ids)
        return super().find_records(tenant, cube, ids, **options)


class OnRows(IndexedTextMemory):
    """A memory on an index of the test's own."""

    backend = "naive_text"

    def close(self) -> None:
        self._index.close()


def fill(index: Index, count: int) -> None:
    """Birds, one of which is rare, and the last that a search finds."""
    index.ensure(dimension=WordEmbedder.dimension, model=WordEmbedder.model)
    stores = RecordStores(index=index, embedder=WordEmbedder())
    memory = OnRows(NaiveTextMemoryConfig(cube_id="cube"), Settings(tenant="acme"), stores, None)
    memory.add([f"Ann saw bird {number}" for number in range(count - 1)])
    memory.add(
        {"memory": "an entry of a log that mentions one bird among others", "metadata": {"info": {"rare": True}}}
    )
    index.limits, index.read = [], 0


def search(index: Index, options: SearchOptions, embedder: WordEmbedder, **limits: int) -> list[str]:
    wanted = RecordSearch(tenant=TenantId("acme"), cube=CubeId("cube"), index=index, embedder=embedder, **limits)
    return [item.memory for item in wanted.find("Which bird did Ann see?", options, top_k=5, now_ms=NOW_MS)]


def test_lists_double_until_enough_is_found_or_nothing_is_left_and_the_question_is_embedded_once() -> None:
    index, embedder = Index(), WordEmbedder()
    fill(index, 100)
    assert len(search(index, RARE, embedder)) == 1
    assert [limit for name, limit in index.limits if name == "dense"] == [30, 60, 120]
    assert (index.read, embedder.batches) == (100, [1])


def test_a_search_that_all_may_be_shown_of_asks_once_and_reads_no_more_than_it_needs() -> None:
    index = Index()
    fill(index, 100)
    assert len(search(index, parse_options({}), WordEmbedder())) == 5
    assert sorted(index.limits) == [("dense", MIN_CANDIDATES), ("text", MIN_CANDIDATES)]
    assert index.read == 5 + SPARE_CANDIDATES


def test_lists_grow_no_longer_than_they_may_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    index = Index()
    fill(index, 100)
    with caplog.at_level(logging.WARNING):
        assert search(index, RARE, WordEmbedder(), max_candidates=50) == []
    assert [limit for _, limit in sorted(index.limits)] == [30, 50, 30, 50]
    assert "looked at the 50 best candidates only" in caplog.text


def test_an_index_of_records_is_asked_for_nothing_that_it_cannot_compare() -> None:
    index = Index()
    fill(index, 3)
    options = parse_options({"as_of": "2026-01-01", "filters": {"speaker": "Ann"}, "memory_types": ["UserMemory"]})
    assert search(index, options, WordEmbedder()) == []
    assert index.filters == {IndexFilter(cubes=(CubeId("cube"),), memory_types=options.memory_types)}


def test_a_list_that_could_not_be_had_is_not_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    index = Index(dense=False)
    fill(index, 100)
    with caplog.at_level(logging.WARNING):
        assert len(search(index, RARE, WordEmbedder())) == 1
    assert [name for name, _ in index.limits].count("dense") == 1
    assert [limit for name, limit in index.limits if name == "text"] == [30, 60, 120]
    assert caplog.text.count("went without dense candidates") == 1
