"""Users of a tenant: who may make whom, and who sees whom."""

from pathlib import Path

import pytest

from memos.configs.mem_os import MOSConfig
from memos.errors import AccessDenied, InvalidRequest, NotFound
from memos.mem_os.main import MOS
from memos.mem_user.policy import may_create
from memos.mem_user.records import Role
from tests.unit.mem_os.conftest import on_twins


def open_as(user: str, directory: Path) -> MOS:
    return MOS(MOSConfig(user_id=user), settings=on_twins(directory))


@pytest.fixture
def root(tmp_path: Path) -> MOS:
    """The first object of an installation, whose user is root."""
    return open_as("root", tmp_path)


@pytest.mark.parametrize(
    ("actor", "creatable"),
    [
        (Role.ROOT, {Role.ROOT, Role.ADMIN, Role.USER, Role.GUEST}),
        (Role.ADMIN, {Role.ADMIN, Role.USER, Role.GUEST}),
        (Role.USER, {Role.USER, Role.GUEST}),
        (Role.GUEST, set()),
    ],
)
def test_nobody_makes_a_user_who_may_do_more(actor: Role, creatable: set[Role]) -> None:
    assert {role for role in Role if may_create(actor, role)} == creatable


def test_a_user_cannot_make_an_admin_and_a_guest_nobody(root: MOS, tmp_path: Path) -> None:
    root.create_user("gus", role=Role.GUEST)
    with pytest.raises(AccessDenied, match="'ana' is user"):
        open_as("ana", tmp_path).create_user("boss", role=Role.ADMIN)
    with pytest.raises(AccessDenied, match="'gus' is guest"):
        open_as("gus", tmp_path).create_user("friend")
    assert [user["user_id"] for user in root.list_users()] == ["ana", "gus", "root"]


def test_a_guest_makes_no_cube_not_even_for_others(root: MOS, tmp_path: Path) -> None:
    root.create_user("gus", role=Role.GUEST)
    root.create_user("ben")
    gus = open_as("gus", tmp_path)
    for owner in ("gus", "ben"):
        with pytest.raises(AccessDenied, match="'gus' is guest and may make no cube"):
            gus.create_cube_for_user("notes", owner_id=owner)
    assert root.create_cube_for_user("notes", owner_id="ben") == "notes"
    with pytest.raises(AccessDenied, match="'gus' is a guest and may own no cube"):
        root.create_cube_for_user("theirs", owner_id="gus")


def test_a_role_may_be_given_by_its_name_and_an_unknown_one_is_refused(root: MOS) -> None:
    root.create_user("boss", role="admin")
    assert root.get_user_info("boss")["role"] == "admin"
    with pytest.raises(InvalidRequest, match="known: root, admin, user, guest"):
        root.create_user("king", role="king")


def test_root_sees_everybody_and_a_user_herself_alone(root: MOS, tmp_path: Path) -> None:
    root.create_user("ben", user_name="Ben")
    ana = open_as("ana", tmp_path)
    assert [user["user_id"] for user in ana.list_users()] == ["ana"]
    assert [user["user_name"] for user in root.list_users()] == ["ana", "Ben", "root"]
    for somebody in ("ben", "nobody"):
        with pytest.raises(AccessDenied, match="may see no other user"):
            ana.get_user_info(somebody)
    with pytest.raises(NotFound, match="nobody"):
        root.get_user_info("nobody")


def test_a_user_is_told_with_the_cubes_that_are_open_to_her(root: MOS, tmp_path: Path) -> None:
    ana = open_as("ana", tmp_path)
    ana.create_user("ben")
    ana.create_cube_for_user("Ana's notes", owner_id="ana", cube_id="notes")
    root.create_cube_for_user("bens", owner_id="ben")
    root.share_cube_with_user("bens", "ana")
    info = ana.get_user_info()
    assert (info["user_id"], info["role"]) == ("ana", "user")
    assert [(cube["cube_id"], cube["cube_name"], cube["owner_id"]) for cube in info["accessible_cubes"]] == [
        ("bens", "bens", "ben"),
        ("notes", "Ana's notes", "ana"),
    ]


def test_users_of_another_tenant_are_not_seen(root: MOS, tmp_path: Path) -> None:
    other = MOS(MOSConfig(user_id="root"), settings=on_twins(tmp_path, tenant="globex"))
    other.create_user("zoe")
    assert [user["user_id"] for user in root.list_users()] == ["root"]
    with pytest.raises(NotFound, match="zoe"):
        root.get_user_info("zoe")


def test_users_may_be_in_a_database_of_their_own(tmp_path: Path) -> None:
    manager = {"backend": "database", "config": {"url": f"sqlite:///{tmp_path / 'people.db'}"}}
    config = MOSConfig(user_manager=manager)  # type: ignore[arg-type]
    with MOS(config, settings=on_twins(tmp_path / "data")) as mos:
        mos.create_user("ana")
    assert (tmp_path / "people.db").is_file()
    assert [user["user_id"] for user in open_as("root", tmp_path / "data").list_users()] == ["root"]
