"""MOS's calls about cubes."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from memos import ids
from memos.configs.base import BaseConfig
from memos.configs.mem_cube import GeneralMemCubeConfig
from memos.configs.retention import RetentionConfig
from memos.errors import AccessDenied, NotFound
from memos.ids import CubeId, UserId
from memos.mem_cube.base import BaseMemCube
from memos.mem_cube.cube_file import read_config, without_secrets
from memos.mem_os.core import Calls
from memos.mem_os.registry import TREE, TenantCube, is_directory
from memos.mem_user.policy import may_create_cubes
from memos.mem_user.records import Access as Right
from memos.memories.directory import reading
from memos.memories.textual.payload import parse_text


class CubeCalls(Calls):
    """Making cubes, sharing them, and carrying them between installations."""

    @property
    def mem_cubes(self) -> Mapping[str, BaseMemCube]:
        """The cubes that were registered with this object, by id. What is done to them directly, no role restrains."""
        return self._parts.registry.cubes

    def create_cube_for_user(self, cube_name: str, owner_id: str, cube_id: str | None = None) -> str:
        """Make a cube for a user and return its id: ``cube_id``, else the cube's name. One that is there is renamed.

        Raises AccessDenied for a guest, who may own no cube, and when the user of the configuration is one.
        """
        self._refuse_guest()
        owner = ids.user_id(owner_id)
        cube = ids.cube_id(cube_name if cube_id is None else cube_id)
        users, tenant = self._parts.access.users, self._parts.tenant
        known = users.find_cube(tenant, cube)
        path, config = ("", {}) if known is None else (known.path, known.config)
        named = {**config, "name": parse_text(cube_name, "cube_name")}
        users.register_cube(tenant, cube, owner=owner, path=path, config=named)
        return cube

    def share_cube_with_user(self, cube_id: str, target_user_id: str, user_id: str | None = None) -> None:
        """Let another user of the tenant read and write a cube of the caller's."""
        access = self._parts.access
        cube = access.one_cube(access.user(user_id), cube_id, "manage")
        access.users.grant(self._parts.tenant, cube, ids.user_id(target_user_id))

    def list_cubes(self, user_id: str | None = None) -> list[str]:
        """The ids of the user's own cubes, then of those shared with the user, the oldest first.

        These are what a call that names no cube works on: ``add`` and ``chat`` on the first, ``search`` on all.
        """
        access = self._parts.access
        return list(access.cubes_of(access.user(user_id)))

    def register_mem_cube(
        self,
        mem_cube_name_or_path: str | Path | BaseMemCube,
        mem_cube_id: str | None = None,
        user_id: str | None = None,
    ) -> str:
        """Open a cube for a user and return its id.

        A directory is read into the tenant's stores: its textual memories keep their ids, and from then on belong to
        every process of the installation; registering it again changes nothing. A cube that is new becomes the user's
        own, under ``mem_cube_id``, else the id in its config.json, else, where that is somebody else's, one made of
        that id and the user's, and has the retention and the reading of that config.json. An object of the
        application's own (BaseMemCube) is used as it is, in this process alone. An id opens a cube that exists. The
        act_mem and para_mem of a directory's config.json are made as it says once they are used, with the servers and
        environment variables that it names: register what you trust.

        Raises AccessDenied, NotFound, Corrupt, InvalidRequest.
        """
        user = self._parts.access.user(user_id)
        if isinstance(mem_cube_name_or_path, BaseMemCube):
            return self._register_object(mem_cube_name_or_path, mem_cube_id, user)
        if is_directory(mem_cube_name_or_path):
            return self._register_directory(Path(mem_cube_name_or_path), mem_cube_id, user)
        if mem_cube_id is not None:
            raise NotFound(f"there is no directory {str(mem_cube_name_or_path)!r:.200} to register as {mem_cube_id!r}")
        cube = self._parts.access.one_cube(user, str(mem_cube_name_or_path), "read")
        self._parts.registry.keep(cube, self._open(cube))
        return cube

    def unregister_mem_cube(self, mem_cube_id: str, user_id: str | None = None) -> None:
        """Close a registered cube. Nothing of it is deleted, and it stays its owner's: ``delete_all`` deletes.

        Raises NotFound when it is not registered with this object.
        """
        access = self._parts.access
        cube = access.one_cube(access.user(user_id), mem_cube_id, "write")
        if not self._parts.registry.forget(cube):
            raise NotFound(f"cube {cube!r} is not registered with this object; see mem_cubes")

    def dump(self, mem_cube_dir: str | Path, user_id: str | None = None, mem_cube_id: str | None = None) -> None:
        """Write a cube into a directory, whole or not at all; by default the user's first.

        A user without a cube, such as root, gets the one that was registered with this object last, if it may be read.
        """
        cube = self._portable_cube(user_id, mem_cube_id, "read")
        opened = self._open(cube)
        if isinstance(opened, TenantCube):
            opened.config = opened.config.model_copy(update=self._said_by(cube))
        opened.dump(mem_cube_dir)

    def load(self, mem_cube_dir: str | Path, user_id: str | None = None, mem_cube_id: str | None = None) -> None:
        """Add a dump's memories to a cube, under the ids that they have there; by default to that which ``dump`` takes.

        What has such an id already is replaced; what else the cube has stays. The cube is among ``mem_cubes`` then,
        which hold the states and adapters that came along. Raises NotFound, Corrupt, InvalidRequest.
        """
        cube = self._portable_cube(user_id, mem_cube_id, "write")
        opened = self._open(cube)
        opened.load(mem_cube_dir)
        self._parts.registry.keep(cube, opened)

    def _register_object(self, given: BaseMemCube, cube_id: str | None, user: UserId) -> CubeId:
        cube = ids.cube_id(given.cube_id if cube_id is None else cube_id)
        self._own(cube, user, {"name": cube})
        self._parts.registry.keep(cube, given)
        return cube

    def _register_directory(self, directory: Path, cube_id: str | None, user: UserId) -> CubeId:
        with reading(directory) as found:
            config = read_config(found)
            cube = self._free_id(config.cube_id, user) if cube_id is None else ids.cube_id(cube_id)
            kept = config.model_copy(update={"text_mem": TREE, "retention": None, "reading": None}).with_cube_id(cube)
            described = {
                "name": config.cube_id,
                "mem_cube": without_secrets(kept)[0],
                "text_backend": _backend_of(config),
            }
            self._own(cube, user, described, str(directory))
            self._tell(cube, user, directory, config)
            opened = self._parts.registry.open_cube(cube, kept)
            opened.load(found)
        self._parts.registry.keep(cube, opened)
        return cube

    def _refuse_guest(self) -> None:
        actor = self._actor()
        if not may_create_cubes(actor.role):
            raise AccessDenied(f"user {actor.id!r} is {actor.role.value} and may make no cube, not for others either")

    def _own(self, cube: CubeId, user: UserId, config: Mapping[str, object], path: str = "") -> None:
        """Make the cube the user's own if it is new; else the user must have the right to write to it."""
        users, tenant = self._parts.access.users, self._parts.tenant
        if users.find_cube(tenant, cube) is None:
            users.register_cube(tenant, cube, owner=user, path=path, config=config)
        users.check_access(tenant, user, cube, access="write")

    def _said_by(self, cube: CubeId) -> dict[str, BaseConfig | None]:
        """What a cube says of itself, as the sections of its config.json."""
        graph, tenant = self._parts.stores.graph, self._parts.tenant
        limits = graph.find_retention(tenant, cube)
        retention = None if limits is None else RetentionConfig(**asdict(limits))
        return {"retention": retention, "reading": graph.find_reading(tenant, cube)}

    def _tell(self, cube: CubeId, user: UserId, directory: Path, config: GeneralMemCubeConfig) -> None:
        """Have a cube that the user made of this directory say what its config.json does, unless it ever said anything.

        Not only when the cube is new: a registration that failed before this is completed by the next one.
        """
        graph, tenant = self._parts.stores.graph, self._parts.tenant
        made = self._parts.access.users.find_cube(tenant, cube)
        if made is None or (made.owner, made.path) != (user, str(directory)):
            return
        if config.retention is not None and graph.find_retention(tenant, cube) is None:
            graph.set_retention(tenant, cube, config.retention.said())
        if config.reading is not None and graph.find_reading(tenant, cube) is None:
            graph.set_reading(tenant, cube, config.reading)

    def _free_id(self, wanted: str, user: UserId) -> CubeId:
        cube = ids.cube_id(wanted)
        known = self._parts.access.users.find_cube(self._parts.tenant, cube)
        if known is None or known.owner == user:
            return cube
        return ids.cube_id(f"{wanted[:100]}-{hashlib.blake2b(user.encode(), digest_size=4).hexdigest()}")

    def _open(self, cube: CubeId) -> BaseMemCube:
        """The cube as it is open already, else in the tenant's stores."""
        return self._parts.registry.open_cube(cube, self._stored_config(cube))

    def _stored_config(self, cube: CubeId) -> GeneralMemCubeConfig | None:
        known = self._parts.access.users.find_cube(self._parts.tenant, cube)
        stored = None if known is None else known.config.get("mem_cube")
        return None if stored is None else GeneralMemCubeConfig.model_validate(stored)

    def _portable_cube(self, user_id: str | None, cube_id: str | None, need: Right) -> CubeId:
        self._require_text()
        access = self._parts.access
        user = access.user(user_id)
        if cube_id is None and not access.cubes_of(user):
            cube_id = self._parts.registry.last_opened()
        return access.one_cube(user, cube_id, need)


def _backend_of(config: GeneralMemCubeConfig) -> str:
    return TREE.backend if config.text_mem is None else config.text_mem.backend
