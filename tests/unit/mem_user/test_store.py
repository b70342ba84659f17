"""Users, cubes and grants in SQLite: the walls, the roles, the cache, and what a broken database looks like."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos.clock import ManualClock
from memos.errors import AccessDenied, Corrupt, InvalidConfig, InvalidRequest, NotFound, Unavailable
from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.factory import build_user_store
from memos.mem_user.records import Access, Role
from memos.mem_user.store import UserStore
from memos.settings import Settings

ACME, OTHER = TenantId("acme"), TenantId("other")
ANN, BOB, EVE, GUS = UserId("ann"), UserId("bob"), UserId("eve"), UserId("gus")
CUBE = CubeId("cube")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'state' / 'memos.db'}"


@pytest.fixture
def users(url: str, clock: ManualClock) -> Iterator[UserStore]:
    store = UserStore(url, clock=clock)
    store.create_user(ACME, ANN)
    store.create_user(ACME, BOB)
    store.create_user(ACME, GUS, role=Role.GUEST)
    store.create_user(OTHER, EVE)
    store.register_cube(ACME, CUBE, owner=ANN)
    yield store
    store.close()


def denial(users: UserStore, tenant: TenantId, user: UserId, cube: str, access: Access = "read") -> str:
    with pytest.raises(AccessDenied) as raised:
        users.check_access(tenant, user, CubeId(cube), access=access)
    return str(raised.value)


class TestUsers:
    def test_making_a_user_again_returns_the_first(self, users: UserStore, clock: ManualClock) -> None:
        first = users.find_user(ACME, ANN)
        clock.advance_ms(1000)
        assert users.create_user(ACME, ANN, name="Another name") == first
        assert first is not None
        assert (first.role, first.name) == (Role.USER, "ann")

    def test_a_user_in_another_role_is_refused_and_set_role_changes_it(self, users: UserStore) -> None:
        with pytest.raises(InvalidRequest, match="exists with role user"):
            users.create_user(ACME, ANN, role=Role.ADMIN)
        assert users.set_role(ACME, ANN, Role.ADMIN).role is Role.ADMIN
        assert users.create_user(ACME, ANN).role is Role.ADMIN

    def test_setting_the_role_of_nobody_is_not_found(self, users: UserStore) -> None:
        with pytest.raises(NotFound):
            users.set_role(ACME, UserId("nobody"), Role.ADMIN)

    def test_users_of_another_tenant_are_not_seen(self, users: UserStore) -> None:
        assert [user.id for user in users.list_users(OTHER)] == [EVE]
        assert users.find_user(OTHER, ANN) is None
        users.create_user(OTHER, ANN, role=Role.ROOT)
        found = users.find_user(ACME, ANN)
        assert found is not None
        assert found.role is Role.USER


class TestCubes:
    def test_a_cube_comes_back_as_it_was_registered(self, users: UserStore, clock: ManualClock) -> None:
        cube = users.register_cube(ACME, CubeId("c2"), owner=ANN, path="/data/c2", config={"text_mem": {"k": [1, "é"]}})
        assert users.find_cube(ACME, CubeId("c2")) == cube
        assert (cube.owner, cube.path, cube.config) == (ANN, "/data/c2", {"text_mem": {"k": [1, "é"]}})
        assert cube.created_at_ms == clock.now_ms()

    def test_the_owner_may_register_again_and_moves_the_cube(self, users: UserStore) -> None:
        assert users.register_cube(ACME, CUBE, owner=ANN, path="/new").path == "/new"
        assert len(users.list_cubes(ACME, ANN)) == 1

    def test_nobody_else_may_take_a_cube_over(self, users: UserStore) -> None:
        with pytest.raises(AccessDenied):
            users.register_cube(ACME, CUBE, owner=BOB, path="/stolen")
        found = users.find_cube(ACME, CUBE)
        assert found is not None
        assert (found.owner, found.path) == (ANN, "")

    def test_a_guest_and_an_unknown_user_own_nothing(self, users: UserStore) -> None:
        with pytest.raises(AccessDenied, match="guest"):
            users.register_cube(ACME, CubeId("g"), owner=GUS)
        with pytest.raises(NotFound, match="nobody"):
            users.register_cube(ACME, CubeId("g"), owner=UserId("nobody"))
        assert users.find_cube(ACME, CubeId("g")) is None

    def test_two_tenants_may_have_cubes_of_one_name(self, users: UserStore) -> None:
        users.register_cube(OTHER, CUBE, owner=EVE, path="/eve")
        found = users.find_cube(ACME, CUBE)
        assert found is not None
        assert found.owner == ANN
        assert users.remove_cube(OTHER, CUBE)
        assert users.find_cube(ACME, CUBE) == found

    def test_a_user_lists_what_is_owned_or_shared(self, users: UserStore) -> None:
        users.register_cube(ACME, CubeId("bobs"), owner=BOB)
        users.register_cube(OTHER, CubeId("eves"), owner=EVE)
        assert [cube.id for cube in users.list_cubes(ACME, ANN)] == [CUBE]
        users.grant(ACME, CubeId("bobs"), ANN)
        assert [cube.id for cube in users.list_cubes(ACME, ANN)] == ["bobs", CUBE]
        assert users.list_cubes(ACME, GUS) == []
        with pytest.raises(NotFound):
            users.list_cubes(ACME, EVE)

    def test_an_operator_lists_the_cubes_of_all_tenants(self, users: UserStore) -> None:
        users.register_cube(OTHER, CubeId("a cube"), owner=EVE)
        users.register_cube(ACME, CubeId("bobs"), owner=BOB)
        listed = [(cube.tenant, cube.id, cube.owner) for cube in users.list_all_cubes()]
        assert listed == [(ACME, "bobs", BOB), (ACME, CUBE, ANN), (OTHER, "a cube", EVE)]
        users.remove_cube(ACME, CUBE)
        assert len(users.list_all_cubes()) == 2

    @pytest.mark.parametrize("role", [Role.ROOT, Role.ADMIN])
    def test_who_may_open_every_cube_lists_no_others_either(self, users: UserStore, role: Role) -> None:
        users.register_cube(ACME, CubeId("bobs"), owner=BOB)
        users.set_role(ACME, ANN, role)
        users.check_access(ACME, ANN, CubeId("bobs"), access="write")
        assert [cube.id for cube in users.list_cubes(ACME, ANN)] == [CUBE]

    def test_a_removed_cube_takes_its_grants_along(self, users: UserStore) -> None:
        users.grant(ACME, CUBE, BOB)
        assert users.remove_cube(ACME, CUBE)
        assert not users.remove_cube(ACME, CUBE)
        users.register_cube(ACME, CUBE, owner=ANN)
        denial(users, ACME, BOB, CUBE)


class TestAccess:
    def test_the_owner_may_do_everything(self, users: UserStore) -> None:
        for access in ("read", "write", "manage"):
            users.check_access(ACME, ANN, CUBE, access=access)

    def test_a_stranger_a_missing_cube_and_another_tenants_cube_sound_alike(self, users: UserStore) -> None:
        users.register_cube(OTHER, CubeId("eves"), owner=EVE)
        messages = {denial(users, ACME, BOB, cube).replace(f"'{cube}'", "X") for cube in (CUBE, "missing", "eves")}
        assert len(messages) == 1

    def test_sharing_gives_a_user_writing_but_not_managing(self, users: UserStore) -> None:
        users.grant(ACME, CUBE, BOB)
        users.grant(ACME, CUBE, BOB)
        users.check_access(ACME, BOB, CUBE, access="write")
        assert "not manage" in denial(users, ACME, BOB, CUBE, "manage")

    def test_a_guest_reads_a_shared_cube_only(self, users: UserStore) -> None:
        users.grant(ACME, CUBE, GUS)
        users.check_access(ACME, GUS, CUBE)
        assert "may read cube 'cube', but not write it" in denial(users, ACME, GUS, CUBE, "write")

    def test_an_admin_opens_every_cube_of_the_tenant_and_no_other(self, users: UserStore) -> None:
        users.create_user(ACME, UserId("boss"), role=Role.ADMIN)
        users.register_cube(OTHER, CubeId("eves"), owner=EVE)
        users.check_access(ACME, UserId("boss"), CUBE, access="manage")
        with pytest.raises(NotFound):
            users.check_access(ACME, UserId("boss"), CubeId("eves"))

    def test_an_unknown_user_is_not_found(self, users: UserStore) -> None:
        with pytest.raises(NotFound, match="eve"):
            users.check_access(ACME, EVE, CUBE)

    def test_grants_do_not_cross_tenants(self, users: UserStore) -> None:
        users.register_cube(OTHER, CUBE, owner=EVE)
        users.create_user(OTHER, BOB)
        users.grant(OTHER, CUBE, BOB)
        denial(users, ACME, BOB, CUBE)
        for tenant, cube, user in ((ACME, CUBE, EVE), (ACME, CubeId("missing"), BOB), (OTHER, CUBE, ANN)):
            with pytest.raises(NotFound):
                users.grant(tenant, cube, user)

    def test_a_revoked_right_ends_at_once_in_the_same_store(self, users: UserStore) -> None:
        users.grant(ACME, CUBE, BOB)
        users.check_access(ACME, BOB, CUBE)
        users.revoke(ACME, CUBE, BOB)
        users.revoke(ACME, CUBE, BOB)
        denial(users, ACME, BOB, CUBE)

    def test_another_process_sees_a_new_right_at_once_and_a_lost_one_after_two_seconds(
        self, users: UserStore, url: str, clock: ManualClock
    ) -> None:
        elsewhere = UserStore(url, clock=clock)
        denial(elsewhere, ACME, BOB, CUBE)
        users.grant(ACME, CUBE, BOB)
        elsewhere.check_access(ACME, BOB, CUBE)
        users.revoke(ACME, CUBE, BOB)
        clock.advance_ms(1999)
        elsewhere.check_access(ACME, BOB, CUBE)
        clock.advance_ms(2)
        denial(elsewhere, ACME, BOB, CUBE)
        elsewhere.close()

    def test_ids_full_of_sql_are_only_ids(self, users: UserStore) -> None:
        nasty = CubeId("x' OR '1'='1'; DROP TABLE memos_users; --")
        users.register_cube(ACME, nasty, owner=ANN)
        denial(users, ACME, BOB, nasty)
        users.check_access(ACME, ANN, nasty)


class TestDatabase:
    def test_the_file_and_its_new_folder_are_for_this_user_alone(self, users: UserStore, url: str) -> None:
        path = Path(url.removeprefix("sqlite:///"))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_the_default_is_a_file_in_the_data_directory(self, tmp_path: Path) -> None:
        store = build_user_store(Settings(data_dir=tmp_path / "d"))
        assert not (tmp_path / "d").exists()
        store.create_user(ACME, ANN)
        assert (tmp_path / "d" / "memos.db").exists()
        store.close()

    def test_everything_is_there_after_a_restart(self, users: UserStore, url: str) -> None:
        users.close()
        again = UserStore(url)
        again.check_access(ACME, ANN, CUBE, access="write")
        again.close()

    @pytest.mark.parametrize("attempt", range(12))
    def test_threads_that_start_together_make_one_schema_and_lose_nothing(self, url: str, attempt: int) -> None:
        stores = [UserStore(url) for _ in range(4)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: stores[number % 4].create_user(ACME, UserId(f"u{number}")), range(40)))
        assert len(stores[0].list_users(ACME)) == 40
        for store in stores:
            store.close()

    def test_a_new_file_is_for_this_user_alone_and_leaves_no_draft(self, url: str, tmp_path: Path) -> None:
        store = UserStore(url)
        store.create_user(ACME, ANN)
        store.close()
        assert [path.name for path in (tmp_path / "state").iterdir()] == ["memos.db"]
        assert stat.S_IMODE((tmp_path / "state" / "memos.db").stat().st_mode) == 0o600

    def test_processes_that_start_together_make_one_schema_and_lose_nothing(self, url: str) -> None:
        program = (
            "import sys; from memos.mem_user.store import UserStore; store = UserStore(sys.argv[1])\n"
            "for number in range(10): store.create_user('acme', f'{sys.argv[2]}-{number}')"
        )
        started = [subprocess.Popen([sys.executable, "-c", program, url, str(number)]) for number in range(4)]
        assert [process.wait(60) for process in started] == [0] * 4
        store = UserStore(url)
        assert len(store.list_users(ACME)) == 40
        store.close()

    def test_a_file_that_is_no_database_is_corrupt(self, tmp_path: Path) -> None:
        (tmp_path / "memos.db").write_bytes(b"not a database at all, but long enough to look like one" * 50)
        store = UserStore(f"sqlite:///{tmp_path / 'memos.db'}")
        with pytest.raises(Corrupt, match=r"memos\.db"):
            store.create_user(ACME, ANN)
        store.close()

    def test_a_folder_that_cannot_be_made_is_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        store = UserStore(f"sqlite:///{tmp_path / 'file' / 'memos.db'}")
        with pytest.raises(Unavailable, match="database is unavailable"):
            store.create_user(ACME, ANN)

    def test_a_full_disk_says_so_and_stores_nothing(self, users: UserStore, url: str) -> None:
        program = (
            "import resource, signal, sys; from memos.mem_user.store import UserStore\n"
            "from memos.errors import Unavailable\n"
            "store = UserStore(sys.argv[1]); store.list_users('acme')\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({64 * 1024}, resource.RLIM_INFINITY))\n"
            "try: store.register_cube('acme', 'big', owner='ann', config={'filler': 'x' * 1_000_000})\n"
            "except Unavailable as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, timeout=60)
        assert "database is unavailable" in done.stdout, done.stderr
        assert users.find_cube(ACME, CubeId("big")) is None

    @pytest.mark.parametrize(
        ("bad", "says"),
        [
            ("nonsense", "not a SQLAlchemy URL"),
            ("mysql://u:secret@h/db", "known: postgresql, sqlite"),
            ("sqlite://", "in memory"),
            ("sqlite:///:memory:", "in memory"),
        ],
    )
    def test_a_url_that_cannot_work_is_refused_without_its_password(self, bad: str, says: str) -> None:
        with pytest.raises(InvalidConfig, match=says) as raised:
            UserStore(bad)
        assert "secret" not in str(raised.value)

    def test_a_database_of_another_schema_version_is_refused_with_both(self, users: UserStore, url: str) -> None:
        import sqlite3

        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            connection.execute("UPDATE memos_schema SET version = 7")
        connection.close()
        newer = UserStore(url)
        with pytest.raises(InvalidConfig, match="version 7, this memos has 1"):
            newer.list_users(ACME)
