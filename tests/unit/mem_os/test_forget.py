"""Forgetting a user: who may ask for it, what goes, and what others keep."""

import uuid

import pytest

from memos.errors import AccessDenied, NotFound
from memos.mem_os.forget import Receipt
from memos.mem_os.main import MOS
from memos.types import Lane
from tests.unit.mem_os.conftest import OpenMOS, texts

pytestmark = pytest.mark.models

TEA = "I drink green tea."
BOAT = "I own a boat."


@pytest.fixture
def ben(mos: MOS, ana: str) -> str:
    """A user who shares ``ana``'s cube."""
    user = mos.create_user(f"ben-{uuid.uuid4().hex[:8]}")
    mos.share_cube_with_user(ana, user, user_id=ana)
    return user


def test_what_a_user_said_in_every_cube_goes_and_what_others_said_stays(mos: MOS, ana: str, ben: str) -> None:
    own = mos.create_cube_for_user(ben, owner_id=ben)
    mos.add(memory_content=BOAT, user_id=ana)
    for cube in (ana, own):
        mos.add(memory_content=TEA, user_id=ben, mem_cube_id=cube)
    receipt = mos.forget_user(ben)
    assert receipt == Receipt(user_id=ben, memories=2, messages=2, artefacts=0, jobs=0)
    assert texts(mos.get_all(user_id=ben)) == texts(mos.get_all(user_id=ana)) == [BOAT]
    assert texts(mos.search("green tea", user_id=ben)) == [BOAT]
    assert mos.forget_user(ben) == Receipt(user_id=ben, memories=0, messages=0, artefacts=0, jobs=0)
    assert set(mos.list_cubes(user_id=ben)) == {own, ana}


def test_since_when_the_history_counts_is_forgotten(mos: MOS, ana: str) -> None:
    mos.clear_messages(ana)
    parts = mos._parts
    lane = Lane(
        tenant=parts.tenant, cube=parts.access.cubes_of(parts.access.user(ana))[0], session=mos.config.session_id
    )  # type: ignore[arg-type]
    assert parts.history_marks.find_ms(lane, parts.access.user(ana)) is not None
    mos.forget_user(ana)
    assert parts.history_marks.find_ms(lane, parts.access.user(ana)) is None


def test_an_unknown_user_is_not_found(mos: MOS) -> None:
    with pytest.raises(NotFound, match="nobody"):
        mos.forget_user("nobody")


def test_a_user_may_have_oneself_forgotten_and_nobody_else(open_mos: OpenMOS) -> None:
    mos = open_mos()
    mos.create_user("ben")
    mos.add(memory_content=TEA)
    with pytest.raises(AccessDenied, match="nobody else"):
        mos.forget_user("ben")
    assert mos.forget_user("ana").memories == 1
