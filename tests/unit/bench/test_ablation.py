"""The rankings of an ablation."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest

from memos.bench.ablation import ALL, VARIANTS, Variant, make_directory
from memos.errors import InvalidRequest
from memos.ids import CubeId, MemoryId, SessionId, UserId
from memos.recall.evidence import DEFAULT_EVIDENCE, EvidenceWeights
from memos.recall.paths import HOPS
from memos.types import Hit, Memory

BY_NAME = {variant.name: variant for variant in VARIANTS}


def hit(name: str, **parts: float) -> Hit:
    memory = Memory(id=MemoryId(name), cube=CubeId("c"), user=UserId("u"), session=SessionId("s"), text=name)
    return Hit(memory=memory, score=sum(parts.values()), parts=parts)


def names(hits: list[Hit]) -> list[str]:
    return [each.memory.id for each in hits]


def test_the_first_variant_is_the_ranking_as_it_is() -> None:
    assert VARIANTS[0] == Variant(name=ALL)
    assert (VARIANTS[0].weights, VARIANTS[0].hops) == (DEFAULT_EVIDENCE, HOPS)


@pytest.mark.parametrize("signal", [field.name for field in fields(EvidenceWeights)])
def test_each_signal_of_the_evidence_is_left_out_once_and_alone(signal: str) -> None:
    assert asdict(BY_NAME[f"no-{signal}"].weights) == {**asdict(DEFAULT_EVIDENCE), signal: 0.0}


def test_relations_recency_and_importance_are_left_out_too() -> None:
    assert BY_NAME["no-graph"].hops == 0
    assert {BY_NAME[f"no-{part}"].taken_off for part in ("recency", "importance")} == {"recency", "importance"}


def test_a_part_that_is_taken_off_no_longer_decides() -> None:
    hits = [hit("new", text=1.0, recency=0.25), hit("near", text=1.1), hit("far", text=0.1)]
    assert names(BY_NAME[ALL].rank(hits)) == ["new", "near", "far"]
    assert names(BY_NAME["no-recency"].rank(hits)) == ["near", "new", "far"]


def test_equal_hits_stay_in_their_order() -> None:
    hits = [hit("b", text=1.0, recency=0.2), hit("a", text=1.0, recency=0.1)]
    assert names(BY_NAME["no-recency"].rank(hits)) == ["b", "a"]


def test_the_directory_is_made_and_one_that_cannot_be_is_refused(tmp_path: Path) -> None:
    make_directory(tmp_path / "runs")
    make_directory(tmp_path / "runs")
    assert (tmp_path / "runs").is_dir()
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "none" / "runs"):
        with pytest.raises(InvalidRequest, match="cannot write into"):
            make_directory(wrong)
