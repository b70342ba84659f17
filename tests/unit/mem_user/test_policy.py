"""Who may do what, as the picture in memos.mem_user.policy says."""

import pytest

from memos.mem_user.policy import allowed
from memos.mem_user.records import Role


@pytest.mark.parametrize("role", [Role.ROOT, Role.ADMIN])
def test_root_and_admin_may_do_everything_to_any_cube_of_their_tenant(role: Role) -> None:
    assert allowed(role, owns=False, granted=False) == {"read", "write", "manage"}


def test_a_user_manages_the_own_cube_writes_a_shared_one_and_has_no_other() -> None:
    assert allowed(Role.USER, owns=True, granted=False) == {"read", "write", "manage"}
    assert allowed(Role.USER, owns=False, granted=True) == {"read", "write"}
    assert allowed(Role.USER, owns=False, granted=False) == set()


def test_a_guest_reads_what_is_shared_and_no_more() -> None:
    assert allowed(Role.GUEST, owns=False, granted=True) == {"read"}
    assert allowed(Role.GUEST, owns=True, granted=False) == {"read"}
    assert allowed(Role.GUEST, owns=False, granted=False) == set()
