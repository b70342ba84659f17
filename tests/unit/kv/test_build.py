import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.ids import CubeId, TenantId
from memos.kv.build import BuildReport, KVBuilder
from memos.kv.store import ArtefactStore
from memos.types import Memory

TENANT, CUBE = TenantId("tenant"), CubeId("cube")
PROMPT = "You are an assistant who remembers."
Make = Callable[[int, str], Memory]


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore(tmp_path)


@pytest.fixture
def builder(engine: Any, store: ArtefactStore) -> KVBuilder:
    return KVBuilder(engine, store, ManualClock())


def test_a_build_stores_the_prefix_and_names_its_memories(
    builder: KVBuilder, store: ArtefactStore, make_memory: Make
) -> None:
    report = builder.build(TENANT, CUBE, PROMPT, [make_memory(1, "Ann likes tea."), make_memory(2, "  ")])
    (manifest,) = store.list_artefacts(TENANT, CUBE)
    assert report.artefact_id == manifest.artefact_id
    assert report.skipped is None
    assert manifest.token_count == report.token_count
    assert [memory.id for memory in manifest.memories] == ["m1"]


def test_the_same_prefix_is_not_computed_again(builder: KVBuilder, engine: Any, make_memory: Make) -> None:
    first = builder.build(TENANT, CUBE, PROMPT, [make_memory(1, "tea")])
    second = builder.build(TENANT, CUBE, PROMPT, [make_memory(1, "tea")])
    assert second.artefact_id == first.artefact_id
    assert second.skipped == "it is stored already"
    assert len(engine.prefilled) == 1


def test_a_longer_prefix_is_extended_from_the_stored_one(
    builder: KVBuilder, engine: Any, store: ArtefactStore, make_memory: Make
) -> None:
    memories = [make_memory(1, "Ann likes tea."), make_memory(2, "Ann has a cat.")]
    builder.build(TENANT, CUBE, PROMPT, memories[:1])
    report = builder.build(TENANT, CUBE, PROMPT, memories)
    assert report.reused_tokens > len(PROMPT) + len("Ann likes tea.")
    assert engine.prefilled[1] == (report.token_count, report.reused_tokens)
    assert len(store.list_artefacts(TENANT, CUBE)) == 1


def test_another_tenants_prefix_of_the_same_text_is_not_a_base(
    builder: KVBuilder, engine: Any, make_memory: Make
) -> None:
    for tenant in ("a", "b"):
        builder.build(TenantId(tenant), CUBE, PROMPT, [make_memory(1, "tea")])
    assert [base for _, base in engine.prefilled] == [0, 0]


def test_a_prefix_too_short_to_pay_is_skipped(builder: KVBuilder) -> None:
    assert builder.build(TENANT, CUBE, "", []).skipped == "the prefix is too short to pay"


def test_what_was_deleted_during_the_build_is_not_stored(
    builder: KVBuilder, engine: Any, store: ArtefactStore, make_memory: Make
) -> None:
    generation = store.generation(TENANT, CUBE)
    memory = make_memory(1, "a secret")
    store.delete_derived(TENANT, CUBE, [memory.id])
    report = builder.build(TENANT, CUBE, PROMPT, [memory], generation=generation)
    assert report.artefact_id is None
    assert report.skipped is not None
    assert "deleted" in report.skipped
    assert store.list_artefacts(TENANT, CUBE) == []


def test_two_builders_of_one_prefix_compute_it_once(
    engine: Any, tmp_path: Path, make_memory: Make, eventually: Any
) -> None:
    reports: list[BuildReport] = []
    builders = [KVBuilder(engine, ArtefactStore(tmp_path), ManualClock()) for _ in range(2)]
    engine.release.clear()

    def build(builder: KVBuilder) -> None:
        reports.append(builder.build(TENANT, CUBE, PROMPT, [make_memory(1, "tea")]))

    threads = [threading.Thread(target=build, args=(builder,)) for builder in builders]
    for thread in threads:
        thread.start()
    eventually(lambda: engine.prefilled)
    engine.release.set()
    for thread in threads:
        thread.join(10)
    assert len(engine.prefilled) == 1
    assert sorted(str(report.skipped) for report in reports) == ["None", "it is stored already"]
