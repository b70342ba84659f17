"""What is known of users and cubes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from memos.ids import CubeId, TenantId, UserId

Access = Literal["read", "write", "manage"]
"""``manage`` is to share a cube, to remove it, and to say how long its memories stay and what a model is to find."""


class Role(StrEnum):
    """What a user is within a tenant. See memos.mem_user.policy for what each may do."""

    ROOT = "root"
    ADMIN = "admin"
    USER = "user"
    GUEST = "guest"


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A person or a program, within one tenant."""

    tenant: TenantId
    id: UserId
    role: Role
    name: str
    created_at_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Cube:
    """A set of memories. ``path`` is its directory, empty for one that lives in the stores alone."""

    tenant: TenantId
    id: CubeId
    owner: UserId
    created_at_ms: int
    path: str = ""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
