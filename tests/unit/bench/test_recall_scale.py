"""Filling and searching on the twins: what is counted, and what ends it early."""

from dataclasses import replace
from pathlib import Path

import pytest

from memos.bench.recall_scale import EMBEDDED_MOST, QUICK, Plan, measure, require_own_servers
from memos.errors import InvalidConfig
from memos.settings import Settings

SMALL = Plan(tenants=3, memories=20, searches=6)


@pytest.fixture
def twins(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, neo4j_url="memory://", milvus_url="memory://")


@pytest.mark.models
def test_every_tenant_is_filled_and_searched(twins: Settings) -> None:
    figures = measure(twins, SMALL)
    assert (figures["tenants_filled"], figures["memories_filled"], figures["stopped_by"]) == (3, 60, "")
    assert (figures["searches_whole"], figures["searches_degraded"], figures["searches_failed"]) == (6, 0, 0)
    assert (figures["vectors"], figures["dimension"]) == ("embeddings", 384)
    assert figures.keys() >= {"search_p50_ms", "search_p95_ms", "index_rows_per_s", "graph_memories_per_s", "index_mb"}


@pytest.mark.models
@pytest.mark.parametrize(
    ("plan", "reason"), [(replace(SMALL, max_minutes=0.0), "time"), (replace(SMALL, max_gb=0.0), "disk")]
)
def test_a_limit_ends_the_filling_and_what_there_is_is_measured(twins: Settings, plan: Plan, reason: str) -> None:
    (twins.data_dir / "something").write_bytes(b"on the disk")
    figures = measure(twins, plan)
    assert (figures["stopped_by"], figures["tenants_filled"], figures["memories_filled"]) == (reason, 1, 20)
    assert figures["searches_whole"] == 6


@pytest.mark.models
def test_beyond_the_limit_vectors_are_random_and_the_figures_say_so(twins: Settings) -> None:
    figures = measure(twins, replace(SMALL, embedded_most=59))
    assert (figures["vectors"], figures["searches_whole"]) == ("random", 6)


def test_ten_cubes_of_a_hundred_thousand_are_too_many_to_embed() -> None:
    assert Plan(tenants=1_000, memories=100).is_embedded
    assert not Plan(tenants=10, memories=EMBEDDED_MOST).is_embedded
    assert QUICK.is_embedded


@pytest.mark.parametrize("name", ["neo4j_url", "milvus_url"])
def test_stores_of_somebody_else_are_not_filled(name: str) -> None:
    with pytest.raises(InvalidConfig, match=f"unset MEMOS_{name.upper()}"):
        require_own_servers(Settings(**{name: "memory://"}))
