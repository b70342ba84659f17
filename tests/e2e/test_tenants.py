"""Two tenants on one installation: same user, same cube id, and nothing crosses."""

import pytest

from memos.errors import AccessDenied, MemosError, NotFound
from memos.mem_os.main import MOS
from memos.types import JobState
from tests.e2e.conftest import OpenMOS

pytestmark = [pytest.mark.servers, pytest.mark.models]

SECRET = "My locker code at the harbour is 7731."


def remember(mos: MOS, text: str) -> str:
    mos.create_cube_for_user("notes", owner_id="ana")
    (added,) = mos.wait([mos.add(memory_content=text).job_id], timeout_s=60)
    assert added.state is JobState.SUCCEEDED
    return added.memory_ids[0]


def texts(found: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[str]:
    return [item["memory"] for shelf in found["text_mem"] for item in shelf["memories"]]


def test_what_one_tenant_wrote_another_with_the_same_names_does_not_see(open_mos: OpenMOS, tenant: str) -> None:
    ours, theirs = open_mos(), open_mos(f"{tenant}-other")
    secret = remember(ours, SECRET)
    remember(theirs, "I like the harbour.")

    assert any("7731" in text for text in texts(ours.search("locker code at the harbour")))
    assert not any("7731" in text for text in texts(theirs.search("locker code at the harbour", top_k=50)))
    assert "7731" not in str(theirs.get_all())
    with pytest.raises(NotFound):
        theirs.get("notes", secret)
    with pytest.raises(NotFound):
        theirs.delete("notes", secret)
    assert theirs.delete_all("notes")["memories"] == 1
    assert any("7731" in text for text in texts(ours.search("locker code at the harbour")))


def test_a_cube_that_only_another_tenant_has_is_denied_to_every_method(open_mos: OpenMOS, tenant: str) -> None:
    ours, theirs = open_mos(), open_mos(f"{tenant}-other")
    secret = remember(ours, SECRET)
    theirs.create_cube_for_user("diary", owner_id="ana")
    for attempt in (
        lambda: theirs.add(memory_content="x", mem_cube_id="notes"),
        lambda: theirs.search("locker", mem_cube_ids=["notes"]),
        lambda: theirs.chat("locker?", mem_cube_id="notes"),
        lambda: theirs.chat_stream("locker?", mem_cube_id="notes"),
        lambda: theirs.get("notes", secret),
        lambda: theirs.get_all("notes"),
        lambda: theirs.delete("notes", secret),
        lambda: theirs.delete_all("notes"),
        lambda: theirs.share_cube_with_user("notes", "ben"),
    ):
        with pytest.raises(AccessDenied) as denied:
            attempt()
        assert "7731" not in str(denied.value)


def test_a_job_of_another_tenant_cannot_be_waited_for(open_mos: OpenMOS, tenant: str) -> None:
    ours, theirs = open_mos(), open_mos(f"{tenant}-other")
    ours.create_cube_for_user("notes", owner_id="ana")
    job = ours.add(memory_content=SECRET).job_id
    with pytest.raises(MemosError):
        theirs.wait([job], timeout_s=1)
    ours.wait([job], timeout_s=60)


def test_a_user_without_a_grant_is_denied_and_with_one_is_not(open_mos: OpenMOS) -> None:
    mos = open_mos()
    remember(mos, SECRET)
    mos.create_user("ben")
    with pytest.raises(AccessDenied):
        mos.search("locker", user_id="ben", mem_cube_ids=["notes"])
    mos.share_cube_with_user("notes", "ben")
    assert any("7731" in text for text in texts(mos.search("locker code", user_id="ben")))
