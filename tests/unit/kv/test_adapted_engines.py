"""Engines with adapters: one for each model and adapter, and never more than a few."""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memos.kv.engines.adapted import AdaptedEngine
from memos.kv.engines.registry import MAX_ADAPTED, shared_engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """An adapter that is a name alone; nothing is loaded here."""

    digest: str

    def apply(self, model: Any) -> Any:
        return model


def alive(directory: Path) -> int:
    gc.collect()
    found = [one for one in gc.get_objects() if isinstance(one, AdaptedEngine)]
    return sum(one.name == directory.name for one in found)


def test_a_model_and_an_adapter_have_one_engine_and_the_model_another(tmp_path: Path) -> None:
    engine = shared_engine(tmp_path, adapter=Named(digest="a"))
    assert shared_engine(tmp_path, adapter=Named(digest="a")) is engine
    assert shared_engine(tmp_path, adapter=Named(digest="b")) is not engine
    assert shared_engine(tmp_path) is not engine
    assert not isinstance(shared_engine(tmp_path), AdaptedEngine)


@pytest.mark.parametrize("other", [{"dtype": "bfloat16"}, {"device": "cpu"}])
def test_another_type_of_number_or_device_has_an_engine_of_its_own(tmp_path: Path, other: dict[str, Any]) -> None:
    adapter = Named(digest="a")
    assert shared_engine(tmp_path, adapter=adapter) is not shared_engine(tmp_path, adapter=adapter, **other)


def test_those_that_were_used_last_are_kept_and_the_others_are_released(tmp_path: Path) -> None:
    first = id(shared_engine(tmp_path, adapter=Named(digest="first")))
    for number in range(3 * MAX_ADAPTED):
        shared_engine(tmp_path, adapter=Named(digest=str(number)))
        assert id(shared_engine(tmp_path, adapter=Named(digest="first"))) == first
    assert alive(tmp_path) == MAX_ADAPTED
    for number in range(MAX_ADAPTED):
        shared_engine(tmp_path, adapter=Named(digest=f"again {number}"))
    assert alive(tmp_path) == MAX_ADAPTED
