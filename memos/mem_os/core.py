"""What all calls of MOS share: the parts, and who is calling about which cube."""

from memos import ids
from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidConfig, InvalidRequest
from memos.ids import CubeId, MemoryId, UserId
from memos.mem_os.parts import Parts
from memos.mem_user.records import Access as Right
from memos.mem_user.records import User
from memos.memories.textual.payload import parse_text
from memos.settings import Settings
from memos.types import Lane


class Calls:
    """The base of groups of MOS's methods."""

    def __init__(self, config: MOSConfig, settings: Settings) -> None:
        self.config = config
        self._settings = settings
        self._parts = Parts(config, settings)

    def close(self) -> None:
        """Close connections. Servers started on demand stay until the process ends."""
        self._parts.close()

    def _lane(
        self, user_id: str | None, cube_id: str | None, session_id: str | None, *, need: Right = "write"
    ) -> tuple[UserId, Lane]:
        access = self._parts.access
        user = access.user(user_id)
        cube = access.one_cube(user, cube_id, need)
        session = ids.session_id(self.config.session_id if session_id is None else session_id)
        return user, Lane(tenant=self._parts.tenant, cube=cube, session=session)

    def _actor(self) -> User:
        """The user of the configuration, in whose name other users and cubes are made."""
        return self._user(self._parts.access.user(None))

    def _user(self, user: UserId) -> User:
        return self._parts.access.users.get_user(self._parts.tenant, user)

    def _require_text(self) -> None:
        if not self.config.enable_textual_memory:
            raise InvalidConfig("textual memory is off: set enable_textual_memory to use it")

    def _stored_cube(self, cube_id: str | None, user_id: str | None, need: Right) -> CubeId:
        """A cube whose memories are in the tenant's stores."""
        self._require_text()
        access = self._parts.access
        cube = access.one_cube(access.user(user_id), cube_id, need)
        if self._parts.registry.find_object(cube) is not None:
            raise InvalidRequest(f"cube {cube!r} is an object of the application's own; prune and configure it itself")
        return cube

    def _memory(self, cube_id: str | None, memory_id: str, user_id: str | None, need: Right) -> tuple[CubeId, MemoryId]:
        self._require_text()
        access = self._parts.access
        return access.one_cube(access.user(user_id), cube_id, need), MemoryId(parse_text(memory_id, "memory_id"))
