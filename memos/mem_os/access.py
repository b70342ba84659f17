"""Who is calling, and which cubes that user may open. One tenant for the life of the object."""

from collections.abc import Sequence
from typing import Any

from memos import ids
from memos.errors import InvalidRequest, NotFound
from memos.ids import CubeId, TenantId, UserId
from memos.mem_user.records import Access as Right
from memos.mem_user.store import UserStore


class Access:
    """Answers for one tenant; the tenant comes from the process's credential, never from a call's arguments."""

    def __init__(self, tenant: TenantId, users: UserStore, *, default_user: UserId) -> None:
        self.tenant = tenant
        self.users = users
        self._default_user = default_user

    def user(self, user_id: Any) -> UserId:
        """The caller: the named user, else the configured one. Raises InvalidRequest for an impossible id."""
        return self._default_user if user_id is None else ids.user_id(user_id)

    def readable_cubes(self, user: UserId, cube_ids: Sequence[Any] | None = None) -> list[CubeId]:
        """The named cubes, else the user's own and shared ones. Raises AccessDenied, or NotFound when there is none."""
        if cube_ids is None:
            return self._default_cubes(user)
        if isinstance(cube_ids, str) or not cube_ids:
            raise InvalidRequest(f"mem_cube_ids must be a list of at least one cube id, not {cube_ids!r:.40}")
        return [self._checked(user, cube, "read") for cube in cube_ids]

    def one_cube(self, user: UserId, cube_id: Any, access: Right) -> CubeId:
        """The named cube, else the first of the user's own, else of those shared with her.

        Somebody else's cube is never the default, not even for root. Raises AccessDenied, or NotFound when there is
        none.
        """
        return self._checked(user, self._default_cubes(user)[0] if cube_id is None else cube_id, access)

    def cubes_of(self, user: UserId) -> list[CubeId]:
        """The user's own cubes, then those shared with her, the oldest first; maybe none."""
        cubes = self.users.list_cubes(self.tenant, user)
        return [cube.id for cube in sorted(cubes, key=lambda cube: (cube.owner != user, cube.created_at_ms))]

    def _checked(self, user: UserId, cube_id: Any, access: Right) -> CubeId:
        cube = ids.cube_id(cube_id)
        self.users.check_access(self.tenant, user, cube, access=access)
        return cube

    def _default_cubes(self, user: UserId) -> list[CubeId]:
        cubes = self.cubes_of(user)
        if not cubes:
            raise NotFound(f"user {user!r} has no memory cube; create one with create_cube_for_user or `memos add`")
        return cubes
