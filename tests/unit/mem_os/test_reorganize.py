"""MOS.reorganize: in this process, with the reasons, and first as a rehearsal."""

import pytest

from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.errors import InvalidRequest
from memos.mem_cube.general import GeneralMemCube
from memos.mem_os.main import MOS
from tests.unit.mem_os.conftest import texts

pytestmark = pytest.mark.models

TRIPS = (
    "We went on a camping trip in the forest.",
    "Our camping trip to the lake was cold.",
    "I planned the next camping trip by the sea.",
    "My tent broke on the last camping trip.",
)


def tell(mos: MOS, user: str) -> None:
    for day, text in enumerate(TRIPS, start=10):
        mos.add([{"role": "user", "name": "Ana", "content": text, "chat_time": f"2025-03-{day}"}], user_id=user)


def test_a_dry_run_shows_what_a_run_does_and_changes_nothing(mos: MOS, ana: str) -> None:
    tell(mos, ana)
    before = mos.get_all(ana, user_id=ana)
    shown = mos.reorganize(user_id=ana, dry_run=True)
    assert mos.get_all(ana, user_id=ana) == before
    done = mos.reorganize(ana, user_id=ana)
    assert [each["text"] for each in done["summaries"]] == [each["text"] for each in shown["summaries"]]
    (summary,) = done["summaries"]
    assert (summary["topic"], len(summary["children"]), done["left"]) == ("trip", 4, False)
    item = mos.get(ana, summary["id"], user_id=ana)
    assert item.memory.startswith('Ana about "trip": ')
    assert len(item.sources) == 4
    assert mos.reorganize(user_id=ana)["fresh"] == 0


def test_a_summary_is_found_once_it_was_made(mos: MOS, ana: str) -> None:
    tell(mos, ana)
    (summary,) = mos.reorganize(user_id=ana)["summaries"]
    for child in summary["children"]:
        mos.archive(child["id"], user_id=ana)
    assert summary["text"] in texts(mos.search(summary["text"], user_id=ana, top_k=5))


def test_an_object_of_the_applications_own_has_no_order(mos: MOS, ana: str) -> None:
    config = GeneralMemCubeConfig(cube_id=f"{ana}-own", text_mem={"backend": "naive_text", "config": {}})  # type: ignore[arg-type]
    own = mos.register_mem_cube(GeneralMemCube(config), user_id=ana)
    with pytest.raises(InvalidRequest, match="object of the application's own"):
        mos.reorganize(own, user_id=ana)
    mos.unregister_mem_cube(own, user_id=ana)
