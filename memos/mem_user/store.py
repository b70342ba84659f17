"""Users, cubes, and who may open which cube.

Every method takes the tenant, and nothing of another tenant is ever seen; but for ``list_all_cubes``, which is an
operator's.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, or_, select, true, update

from memos.clock import Clock, SystemClock
from memos.errors import AccessDenied, InvalidRequest, NotFound
from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.database import Database
from memos.mem_user.policy import OVERSEERS, allowed
from memos.mem_user.recent import Recent
from memos.mem_user.records import Access, Cube, Role, User
from memos.mem_user.tables import CUBES, GRANTS, USERS

_Rights = frozenset[Access]
_Question = tuple[TenantId, UserId, CubeId]


class UserStore:
    """Users, cubes and grants in SQL. Thread-safe, and safe with several processes on one database.

    ``check_access`` and ``list_cubes`` remember for 2 s what they allowed and found. What this object writes is seen at
    once; a right that another process takes away ends after 2 s at the latest, and one that it gives is seen at once
    by ``check_access`` and after 2 s by ``list_cubes``.
    """

    def __init__(self, database_url: str, *, clock: Clock | None = None) -> None:
        self._database = Database(database_url)
        self._clock = clock or SystemClock()
        self._rights = Recent[_Question, _Rights](self._clock)
        self._cubes = Recent[tuple[TenantId, UserId], list[Cube]](self._clock)

    def create_user(self, tenant: TenantId, user: UserId, *, role: Role | None = None, name: str = "") -> User:
        """Make a user, a USER unless told otherwise; one that exists is returned as it is.

        Raises InvalidRequest when it exists in another role than the one asked for: ``set_role`` changes it.
        """
        values = {"tenant": tenant, "user_id": user, "role": (role or Role.USER).value, "name": name or user}
        with self._database.transaction() as connection:
            wanted = {**values, "created_at_ms": self._clock.now_ms()}
            self._database.insert_if_absent(connection, USERS, wanted)
            found = _get_user(connection, tenant, user)
        if role not in (None, found.role):
            raise InvalidRequest(f"user {user!r} exists with role {found.role.value}; change it with set_role")
        return found

    def set_role(self, tenant: TenantId, user: UserId, role: Role) -> User:
        """Give a user another role. Raises NotFound."""
        statement = update(USERS).where(USERS.c.tenant == tenant, USERS.c.user_id == user).values(role=role.value)
        with self._changing() as connection:
            connection.execute(statement)
            return _get_user(connection, tenant, user)

    def get_user(self, tenant: TenantId, user: UserId) -> User:
        """A user of this tenant. Raises NotFound."""
        with self._database.transaction() as connection:
            return _get_user(connection, tenant, user)

    def find_user(self, tenant: TenantId, user: UserId) -> User | None:
        """A user of this tenant, or None."""
        with self._database.transaction() as connection:
            return _find_user(connection, tenant, user)

    def list_users(self, tenant: TenantId) -> list[User]:
        """All users of the tenant, by id."""
        statement = select(USERS).where(USERS.c.tenant == tenant).order_by(USERS.c.user_id)
        with self._database.transaction() as connection:
            return [_user(row) for row in connection.execute(statement)]

    def register_cube(
        self,
        tenant: TenantId,
        cube: CubeId,
        *,
        owner: UserId,
        path: str = "",
        config: Mapping[str, Any] | None = None,
    ) -> Cube:
        """Make a cube, or give the owner's existing one this path and configuration.

        Raises NotFound for an unknown owner, and AccessDenied when the owner is a guest or the cube somebody else's.
        """
        held: dict[str, Any] = {"path": path, "config": dict(config or {})}
        row = {"tenant": tenant, "cube_id": cube, "owner": owner, "created_at_ms": self._clock.now_ms(), **held}
        with self._changing() as connection:
            if _get_user(connection, tenant, owner).role is Role.GUEST:
                raise AccessDenied(f"user {owner!r} is a guest and may own no cube")
            self._database.insert_if_absent(connection, CUBES, row)
            theirs = and_(_is_cube(tenant, cube), CUBES.c.owner == owner)
            if connection.execute(update(CUBES).where(theirs).values(held)).rowcount != 1:
                raise _denied(cube, owner)
            return _get_cube(connection, tenant, cube)

    def find_cube(self, tenant: TenantId, cube: CubeId) -> Cube | None:
        """A cube of this tenant, whoever owns it, or None. Check the access of a user first."""
        with self._database.transaction() as connection:
            return _find_cube(connection, tenant, cube)

    def list_cubes(self, tenant: TenantId, user: UserId) -> list[Cube]:
        """The cubes that the user owns or was given access to, by id. Raises NotFound for an unknown user.

        It is the same for root and admin, who may open any other cube of the tenant as well, by naming it.
        """
        cubes = self._cubes.find((tenant, user))
        return list(cubes or self._cubes.load((tenant, user), lambda: self._load_cubes(tenant, user)))

    def list_all_cubes(self, tenant: TenantId | None = None) -> list[Cube]:
        """The cubes of all tenants, or of one, by tenant and id: never to be shown to who may not open them all."""
        theirs = true() if tenant is None else CUBES.c.tenant == tenant
        statement = select(CUBES).where(theirs).order_by(CUBES.c.tenant, CUBES.c.cube_id)
        with self._database.transaction() as connection:
            return [_cube(row) for row in connection.execute(statement)]

    def remove_cube(self, tenant: TenantId, cube: CubeId) -> bool:
        """Forget a cube and its grants; True when there was one. Its memories are not touched."""
        with self._changing() as connection:
            return connection.execute(delete(CUBES).where(_is_cube(tenant, cube))).rowcount > 0

    def grant(self, tenant: TenantId, cube: CubeId, user: UserId) -> None:
        """Share a cube with a user of the same tenant; again is no error. Raises NotFound for either."""
        with self._changing() as connection:
            _get_cube(connection, tenant, cube)
            _get_user(connection, tenant, user)
            row = {"tenant": tenant, "cube_id": cube, "user_id": user}
            self._database.insert_if_absent(connection, GRANTS, row)

    def revoke(self, tenant: TenantId, cube: CubeId, user: UserId) -> None:
        """End a grant; one that is not there is no error."""
        with self._changing() as connection:
            connection.execute(
                delete(GRANTS).where(GRANTS.c.tenant == tenant, GRANTS.c.cube_id == cube, GRANTS.c.user_id == user)
            )

    def check_access(self, tenant: TenantId, user: UserId, cube: CubeId, *, access: Access = "read") -> None:
        """Return when the user may do this to the cube.

        Raises NotFound for an unknown user. Raises AccessDenied, in the same words, for a cube that the user may not
        open, for one of another tenant and for one that does not exist, so that nobody learns which cubes there are.
        Only for root and admin, who see all cubes, is one that does not exist NotFound.
        """
        question = (tenant, user, cube)
        rights = self._rights.find(question)
        if rights is None or access not in rights:
            rights = self._rights.load(question, lambda: self._load_rights(question))
        if not rights:
            raise _denied(cube, user)
        if access not in rights:
            raise AccessDenied(f"user {user!r} may {', '.join(sorted(rights))} cube {cube!r}, but not {access} it")

    def close(self) -> None:
        """Close all connections. The store may be used again afterwards."""
        self._database.close()

    def _load_rights(self, question: _Question) -> _Rights:
        with self._database.transaction() as connection:
            found = connection.execute(_RIGHTS, dict(zip(("tenant", "user", "cube"), question, strict=True))).first()
        if found is None:
            raise NotFound(f"no user {question[1]!r}")
        role, owner, granted = Role(found[0]), found[1], found[2]
        if owner is None and role in OVERSEERS:
            raise NotFound(f"no cube {question[2]!r}")
        if owner is None:
            return frozenset()
        return allowed(role, owns=owner == question[1], granted=granted is not None)

    def _load_cubes(self, tenant: TenantId, user: UserId) -> list[Cube]:
        shared = select(GRANTS.c.cube_id).where(GRANTS.c.tenant == tenant, GRANTS.c.user_id == user)
        theirs = or_(CUBES.c.owner == user, CUBES.c.cube_id.in_(shared))
        statement = select(CUBES).where(CUBES.c.tenant == tenant, theirs).order_by(CUBES.c.cube_id)
        with self._database.transaction() as connection:
            _get_user(connection, tenant, user)
            return [_cube(row) for row in connection.execute(statement)]

    @contextmanager
    def _changing(self) -> Generator[Connection]:
        with self._database.transaction() as connection:
            yield connection
        self._rights.clear()
        self._cubes.clear()


_RIGHTS: Final = (
    select(USERS.c.role, CUBES.c.owner, GRANTS.c.user_id)
    .select_from(USERS)
    .outerjoin(CUBES, and_(CUBES.c.tenant == USERS.c.tenant, CUBES.c.cube_id == bindparam("cube")))
    .outerjoin(
        GRANTS,
        and_(
            GRANTS.c.tenant == CUBES.c.tenant,
            GRANTS.c.cube_id == CUBES.c.cube_id,
            GRANTS.c.user_id == USERS.c.user_id,
        ),
    )
    .where(USERS.c.tenant == bindparam("tenant"), USERS.c.user_id == bindparam("user"))
)


def _find_user(connection: Connection, tenant: TenantId, user: UserId) -> User | None:
    found = connection.execute(select(USERS).where(USERS.c.tenant == tenant, USERS.c.user_id == user)).first()
    return None if found is None else _user(found)


def _get_user(connection: Connection, tenant: TenantId, user: UserId) -> User:
    found = _find_user(connection, tenant, user)
    if found is None:
        raise NotFound(f"no user {user!r}")
    return found


def _find_cube(connection: Connection, tenant: TenantId, cube: CubeId) -> Cube | None:
    found = connection.execute(select(CUBES).where(_is_cube(tenant, cube))).first()
    return None if found is None else _cube(found)


def _get_cube(connection: Connection, tenant: TenantId, cube: CubeId) -> Cube:
    found = _find_cube(connection, tenant, cube)
    if found is None:
        raise NotFound(f"no cube {cube!r}")
    return found


def _is_cube(tenant: TenantId, cube: CubeId) -> ColumnElement[bool]:
    return and_(CUBES.c.tenant == tenant, CUBES.c.cube_id == cube)


def _user(row: Row[Any]) -> User:
    tenant, user, role, name, created_at_ms = tuple(row)
    return User(tenant=tenant, id=user, role=Role(role), name=name, created_at_ms=created_at_ms)


def _cube(row: Row[Any]) -> Cube:
    tenant, cube, owner, path, config, created_at_ms = tuple(row)
    return Cube(tenant=tenant, id=cube, owner=owner, path=path, config=config, created_at_ms=created_at_ms)


def _denied(cube: CubeId, user: UserId) -> AccessDenied:
    return AccessDenied(f"user {user!r} may not open cube {cube!r}; ask its owner to share it")
