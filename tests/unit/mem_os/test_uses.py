"""What MOS counts as a use, what that does to a search, and what becomes of the counts of what is deleted."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from memos.clock import ManualClock
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import NotFound, Unavailable
from memos.ids import CubeId, MemoryId, TenantId
from memos.mem_cube.base import BaseMemCube
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from memos.mem_os.uses import REST_S, Uses
from memos.recall.fuse import Key
from memos.recall.use import HALF_LIFE_MS, MemoryUseCounts
from tests.support.openai_server import OpenAIServer, failure, stream
from tests.unit.mem_os.conftest import OpenMOS

TENANT, CUBE, OWN = TenantId("acme"), CubeId("cube"), CubeId("own")
TEA, BOAT = (CUBE, MemoryId("tea")), (CUBE, MemoryId("boat"))


class Breakable(MemoryUseCounts):
    """Counts that can be away; tells how often they were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.asked = 0

    def add(self, tenant: TenantId, used: Sequence[Key], level: float) -> None:
        self._ask()
        super().add(tenant, used, level)

    def forget(self, tenant: TenantId, cube: CubeId, memories: Sequence[MemoryId]) -> None:
        self._ask()
        super().forget(tenant, cube, memories)

    def find(self, tenant: TenantId, wanted: Sequence[Key]) -> dict[Key, float]:
        self._ask()
        return super().find(tenant, wanted)

    def _ask(self) -> None:
        self.asked += 1
        if self.is_away:
            raise Unavailable("redis", "gone")


class TestUses:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def counts(self) -> Breakable:
        return Breakable()

    @pytest.fixture
    def uses(self, counts: Breakable, clock: ManualClock) -> Uses:
        objects: dict[CubeId, BaseMemCube] = {OWN: GeneralMemCube(GeneralMemCubeConfig(cube_id=OWN))}
        return Uses(lambda: counts, clock, objects.get)

    def test_uses_fade_by_half_in_a_half_life(self, uses: Uses, clock: ManualClock) -> None:
        uses.note(TENANT, [TEA, BOAT])
        uses.note(TENANT, [TEA])
        clock.advance_ms(HALF_LIFE_MS)
        uses.note(TENANT, [TEA])
        assert uses.find(TENANT, [TEA, BOAT]) == {TEA: pytest.approx(2.0), BOAT: pytest.approx(0.5)}

    def test_nothing_is_counted_of_an_applications_own_object(self, uses: Uses, counts: Breakable) -> None:
        own = (OWN, TEA[1])
        uses.note(TENANT, [own])
        uses.forget(TENANT, OWN, [TEA[1]])
        assert counts.asked == 0
        uses.note(TENANT, [own, TEA])
        assert uses.find(TENANT, [own, TEA]).keys() == {TEA}

    def test_what_cannot_be_counted_is_no_error_and_logged_once_until_it_can_be_again(
        self, uses: Uses, counts: Breakable, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING, logger="memos.mem_os.uses")
        for is_away, warned in ((True, 1), (True, 1), (False, 1), (True, 2)):
            counts.is_away = is_away
            uses.note(TENANT, [TEA])
            assert len(caplog.records) == warned
        assert "gone" in caplog.text
        counts.is_away = False
        assert uses.find(TENANT, [TEA]) == {TEA: pytest.approx(1.0)}

    def test_after_a_failure_nobody_is_asked_for_a_while(
        self, uses: Uses, counts: Breakable, clock: ManualClock
    ) -> None:
        uses.note(TENANT, [TEA])
        counts.is_away, counts.asked = True, 0
        for _ in range(3):
            with pytest.raises(Unavailable, match="redis"):
                uses.find(TENANT, [TEA])
        assert counts.asked == 1
        counts.is_away = False
        clock.sleep_s(REST_S)
        assert uses.find(TENANT, [TEA]) == {TEA: pytest.approx(1.0, abs=1e-3)}

    def test_what_is_forgotten_counts_no_more(self, uses: Uses) -> None:
        uses.note(TENANT, [TEA, BOAT])
        uses.forget(TENANT, CUBE, [TEA[1]])
        assert uses.find(TENANT, [TEA, BOAT]).keys() == {BOAT}
        uses.forget_cube(TENANT, CUBE)
        assert uses.find(TENANT, [TEA, BOAT]) == {}


@pytest.mark.models
class TestCounting:
    @pytest.fixture(autouse=True)
    def _streams(self, talker: OpenAIServer) -> None:
        talker.replies = [stream("No", "ted.")]

    @pytest.fixture
    def tea(self, mos: MOS, ana: str) -> str:
        """The id of a memory of ``ana``'s."""
        return mos.add(memory_content="I drink green tea.", user_id=ana).memory_ids[0]

    def test_what_a_chat_puts_before_the_model_is_used_once_a_turn(self, mos: MOS, ana: str, tea: str) -> None:
        mos.chat("What do I drink?", user_id=ana)
        assert used(mos, ana, tea) == pytest.approx(1.0, abs=1e-3)
        mos.chat("Do I drink tea?", user_id=ana)
        assert used(mos, ana, tea) == pytest.approx(2.0, abs=1e-3)

    def test_a_stream_counts_when_its_turn_is_remembered(self, mos: MOS, ana: str, tea: str) -> None:
        answer = mos.chat_stream("What do I drink?", user_id=ana)
        pieces = iter(answer)
        assert (next(pieces), used(mos, ana, tea)) == ("No", 0.0)
        assert (list(pieces), used(mos, ana, tea)) == (["ted."], pytest.approx(1.0, abs=1e-3))

    def test_a_turn_that_is_not_remembered_uses_nothing(self, mos: MOS, ana: str, tea: str) -> None:
        list(mos.chat_stream("What do I drink?", user_id=ana, remember=False))
        assert used(mos, ana, tea) == 0.0

    def test_a_search_uses_nothing_and_its_parts_are_what_they_were(self, mos: MOS, ana: str, tea: str) -> None:
        for _ in range(2):
            (item,) = mos.search("green tea", user_id=ana)["text_mem"][0]["memories"]
            assert item.parts.keys() == {"dense", "text", "recency", "importance"}
        assert used(mos, ana, tea) == 0.0

    def test_what_was_called_useful_was_used_and_what_was_called_wrong_was_not(
        self, mos: MOS, ana: str, tea: str
    ) -> None:
        mos.feedback(tea, "wrong", user_id=ana)
        assert used(mos, ana, tea) == 0.0
        mos.feedback(tea, "useful", user_id=ana)
        assert used(mos, ana, tea) == pytest.approx(1.0, abs=1e-3)

    def test_an_unknown_memory_is_not_counted(self, mos: MOS, ana: str) -> None:
        with pytest.raises(NotFound):
            mos.feedback("no-such", "useful", user_id=ana)
        assert used(mos, ana, "no-such") == 0.0

    def test_a_turn_whose_model_fails_is_remembered_and_counted(
        self, mos: MOS, ana: str, tea: str, talker: OpenAIServer
    ) -> None:
        talker.replies = [failure(503)]
        with pytest.raises(Unavailable):
            mos.chat("What do I drink?", user_id=ana)
        assert used(mos, ana, tea) == pytest.approx(1.0, abs=1e-3)

    @pytest.mark.parametrize("chosen", ["notes", "diary"])
    def test_of_two_that_match_equally_the_one_that_chats_used_comes_first(
        self, open_mos: OpenMOS, chosen: str
    ) -> None:
        mos = open_mos()
        mos.create_cube_for_user("diary", owner_id="ana")
        for cube in ("notes", "diary"):
            mos.add([{"role": "user", "content": "I rent a garage.", "chat_time": "2025-03-10"}], mem_cube_id=cube)
        before = {cube: item.score for cube, item in best(mos).items()}
        assert before["notes"] == pytest.approx(before["diary"])
        for _ in range(2):
            mos.chat("Which garage do I rent?", mem_cube_id=chosen)
        found = best(mos)
        assert found[chosen].parts["use"] == pytest.approx(0.1099, abs=1e-3)
        assert max(found, key=lambda cube: found[cube].score) == chosen
        assert {cube for cube, item in found.items() if "use" in item.parts} == {chosen}

    def test_deleting_a_memory_removes_its_counts(self, mos: MOS, ana: str, tea: str) -> None:
        mos.feedback(tea, "useful", user_id=ana)
        mos.delete(ana, tea, user_id=ana)
        assert used(mos, ana, tea) == 0.0

    def test_emptying_a_cube_removes_its_counts(self, mos: MOS, ana: str, tea: str) -> None:
        mos.feedback(tea, "useful", user_id=ana)
        mos.delete_all(ana, user_id=ana)
        assert used(mos, ana, tea) == 0.0

    def test_pruning_for_good_removes_counts_and_archiving_keeps_them(self, mos: MOS, ana: str, tea: str) -> None:
        mos.feedback(tea, "useful", user_id=ana)
        assert mos.prune(older_than_days=1e-9, user_id=ana).pruned == 1
        assert used(mos, ana, tea) > 0
        assert mos.prune(older_than_days=1e-9, delete=True, user_id=ana).pruned == 1
        assert used(mos, ana, tea) == 0.0

    def test_forgetting_a_user_removes_the_counts_of_what_goes(self, mos: MOS, ana: str, tea: str) -> None:
        mos.feedback(tea, "useful", user_id=ana)
        assert mos.forget_user(ana).memories == 1
        assert used(mos, ana, tea) == 0.0


def best(mos: MOS) -> dict[str, Any]:
    """The one memory that each cube has, as a search finds it."""
    shelves = mos.search("Which garage do I rent?")["text_mem"]
    return {shelf["cube_id"]: shelf["memories"][0] for shelf in shelves}


def used(mos: MOS, cube: str, memory: str) -> float:
    """What a memory's uses are worth now; 0 for one without."""
    parts, key = mos._parts, (CubeId(cube), MemoryId(memory))
    return parts.uses.find(parts.tenant, [key]).get(key, 0.0)
