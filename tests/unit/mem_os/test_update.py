"""Changing a memory: its id stays, its version grows, and searches find the new text alone."""

import pytest

from memos.errors import AccessDenied, InvalidRequest, NotFound
from memos.mem_os.main import MOS
from memos.memories.textual.item import TextualMemoryItem
from tests.unit.mem_os.conftest import texts

pytestmark = pytest.mark.models


@pytest.fixture
def tea(mos: MOS, ana: str) -> str:
    """The id of a memory of ``ana``'s."""
    return mos.add(memory_content="I drink green tea.", user_id=ana).memory_ids[0]


def test_a_text_replaces_the_text_alone(mos: MOS, ana: str, tea: str) -> None:
    before = mos.get(ana, tea, user_id=ana)
    changed = mos.update(ana, tea, "I drink black coffee.", user_id=ana)
    assert (changed.id, changed.memory, changed.metadata.version) == (tea, "I drink black coffee.", 2)
    assert changed.metadata.session_id == before.metadata.session_id
    assert [source.content for source in changed.sources] == ["I drink green tea."]
    assert mos.get(ana, tea, user_id=ana).memory == "I drink black coffee."
    assert texts(mos.search("black coffee", user_id=ana)) == ["I drink black coffee."]


def test_a_mapping_replaces_the_fields_it_names(mos: MOS, ana: str, tea: str) -> None:
    changed = mos.update(ana, tea, {"metadata": {"tags": ["drinks"]}}, user_id=ana)
    assert (changed.memory, changed.metadata.tags) == ("I drink green tea.", ("drinks",))


def test_an_item_replaces_all_but_the_id(mos: MOS, ana: str, tea: str) -> None:
    changed = mos.update(ana, tea, TextualMemoryItem(memory="I drink water."), user_id=ana)
    assert (changed.id, changed.memory) == (tea, "I drink water.")


def test_what_cannot_be_a_memory_is_refused_and_changes_nothing(mos: MOS, ana: str, tea: str) -> None:
    for bad in ("", {"memory": ""}, {"colour": "red"}, {"metadata": {"colour": "red"}}, {"metadata": 7}, 7):
        with pytest.raises(InvalidRequest):
            mos.update(ana, tea, bad, user_id=ana)  # type: ignore[arg-type]
    assert mos.get(ana, tea, user_id=ana).metadata.version == 1


def test_an_unknown_memory_is_not_found_and_somebody_elses_denied(mos: MOS, ana: str, tea: str) -> None:
    with pytest.raises(NotFound, match="no-such"):
        mos.update(ana, "no-such", "x", user_id=ana)
    ben = mos.create_user(f"{ana}-ben")
    with pytest.raises(AccessDenied):
        mos.update(ana, tea, "x", user_id=ben)
