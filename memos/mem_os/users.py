"""MOS's calls about users. Who acts is the user of the configuration."""

from typing import Any

from memos import ids
from memos.errors import AccessDenied, InvalidRequest
from memos.ids import UserId
from memos.mem_os.core import Calls
from memos.mem_user.policy import may_create, oversees
from memos.mem_user.records import Cube, Role, User
from memos.memories.textual.item import time_of


class UserCalls(Calls):
    """Making users and telling about them."""

    def create_user(self, user_id: str, role: Role | str | None = None, user_name: str | None = None) -> str:
        """Make a user of this tenant, a USER unless told otherwise; an existing one is left as it is.

        Raises InvalidRequest when it exists in another role than the one asked for, and AccessDenied when the user of
        the configuration may not make one of that role: root makes all, an admin all but root, a user users and
        guests, a guest nobody.
        """
        user = ids.user_id(user_id)
        wanted = Role.USER if role is None else _parse_role(role)
        actor = self._actor()
        if not may_create(actor.role, wanted):
            raise AccessDenied(f"user {actor.id!r} is {actor.role.value} and may make no user who is {wanted.value}")
        self._parts.access.users.create_user(
            self._parts.tenant, user, role=role if role is None else wanted, name=user_name or user
        )
        return user

    def list_users(self) -> list[dict[str, Any]]:
        """Every user of the tenant by id; only oneself, unless the user of the configuration is root or admin."""
        actor = self._actor()
        everybody = self._parts.access.users.list_users(self._parts.tenant)
        return [_describe(user) for user in everybody if oversees(actor.role) or user.id == actor.id]

    def get_user_info(self, user_id: str | None = None) -> dict[str, Any]:
        """A user with the cubes that are her own or shared with her; by default the user of the configuration.

        Raises AccessDenied for somebody else unless that user is root or admin, and NotFound.
        """
        actor = self._actor()
        user = actor.id if user_id is None else ids.user_id(user_id)
        if user != actor.id and not oversees(actor.role):
            raise AccessDenied(f"user {actor.id!r} may see no other user; ask an admin")
        return {**_describe(self._user(user)), "accessible_cubes": [_describe_cube(cube) for cube in self._cubes(user)]}

    def _cubes(self, user: UserId) -> list[Cube]:
        return self._parts.access.users.list_cubes(self._parts.tenant, user)


def _parse_role(value: Any) -> Role:
    if value not in tuple(Role):
        raise InvalidRequest(f"role is {value!r:.40}; known: {', '.join(Role)}")
    return Role(value)


def _describe(user: User) -> dict[str, Any]:
    return {
        "user_id": user.id,
        "user_name": user.name,
        "role": user.role.value,
        "created_at": time_of(user.created_at_ms).isoformat(),
    }


def _describe_cube(cube: Cube) -> dict[str, Any]:
    name = cube.config.get("name", cube.id)
    return {"cube_id": cube.id, "cube_name": name, "cube_path": cube.path, "owner_id": cube.owner}
