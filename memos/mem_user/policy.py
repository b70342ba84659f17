"""Who may do what to a cube. Pure.

           own cube              shared by grant     any other cube of the tenant
root       read write manage     (as own)            (as own)
admin      read write manage     (as own)            (as own)
user       read write manage     read write          -
guest      -  (owns none)        read                -
"""

from typing import Final

from memos.mem_user.records import Access, Role

_NOTHING: Final = frozenset[Access]()
_ALL: Final = frozenset[Access](("read", "write", "manage"))
_SHARED: Final = frozenset[Access](("read", "write"))
_READ: Final = frozenset[Access](("read",))
OVERSEERS: Final = frozenset((Role.ROOT, Role.ADMIN))
_CREATABLE: Final = {
    Role.ROOT: frozenset(Role),
    Role.ADMIN: frozenset((Role.ADMIN, Role.USER, Role.GUEST)),
    Role.USER: frozenset((Role.USER, Role.GUEST)),
    Role.GUEST: frozenset[Role](),
}


def oversees(role: Role) -> bool:
    """True for who may see every user and open every cube of the tenant."""
    return role in OVERSEERS


def may_create(actor: Role, role: Role) -> bool:
    """Nobody makes a user who may do more than oneself."""
    return role in _CREATABLE[actor]


def may_create_cubes(actor: Role) -> bool:
    """A guest makes no cube, neither for herself nor for others."""
    return actor is not Role.GUEST


def allowed(role: Role, *, owns: bool, granted: bool) -> frozenset[Access]:
    """What a user of this role may do to a cube that exists in the user's own tenant."""
    if role in OVERSEERS:
        return _ALL
    if role is Role.GUEST:
        return _READ if owns or granted else _NOTHING
    if owns:
        return _ALL
    return _SHARED if granted else _NOTHING
