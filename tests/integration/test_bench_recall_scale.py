"""``memos bench recall-scale`` on the embedded stores."""

import pytest

from memos.bench.recall_scale import Plan, measure
from memos.settings import Settings

pytestmark = [pytest.mark.servers, pytest.mark.models]


def test_the_stores_have_a_size_and_every_search_is_whole(settings: Settings) -> None:
    figures = measure(settings, Plan(tenants=2, memories=30, searches=4))
    assert (figures["tenants_filled"], figures["memories_filled"], figures["searches_whole"]) == (2, 60, 4)
    assert figures["index_mb"] > 0 < figures["graph_mb"]
    assert "milvus" in figures["index_server"]
