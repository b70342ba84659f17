"""The stable prefix of a cube's chats."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from memos.clock import ManualClock
from memos.kv.store import ArtefactStore
from memos.mem_os.activation import Activation
from tests.support.text import LANE, open_twins, work, write
from tests.unit.kv.conftest import FakeEngine


def test_what_has_expired_is_in_no_prompt(tmp_path: Path) -> None:
    stores, clock = open_twins(), ManualClock()
    write(stores, work("a", "Ana plays the violin", "Ana rents a boat"))
    (boat,) = [each for each in stores.graph.list_memories(LANE.tenant, LANE.cube) if "boat" in each.text]
    stores.graph.update_memory(LANE.tenant, replace(boat, expires_at_ms=clock.now_ms() + 1))
    model = cast(Any, SimpleNamespace(engine=FakeEngine()))
    activation = Activation(stores.graph, model, ArtefactStore(tmp_path), clock)
    assert "boat" in activation.stable(LANE.tenant, LANE.cube, "You remember.").text
    clock.advance_ms(1)
    text = activation.stable(LANE.tenant, LANE.cube, "You remember.").text
    assert "boat" not in text
    assert "violin" in text
