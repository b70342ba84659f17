"""Names of things: distinct types, one alphabet, and ids that come out the same on every attempt.

An id is 1 to 128 printable characters without white space at its ends. Control characters are refused, so that
``\\x1f`` can join ids into one unambiguous key wherever a store wants a single one.
"""

import uuid
from typing import Final, NewType

from memos.errors import InvalidRequest

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
CubeId = NewType("CubeId", str)
SessionId = NewType("SessionId", str)
JobId = NewType("JobId", str)
MessageId = NewType("MessageId", str)
MemoryId = NewType("MemoryId", str)

MAX_ID_CHARS: Final = 128
KEY_SEPARATOR: Final = "\x1f"
# Sessions that start so are ours: the lanes of jobs that belong to a whole cube.
RESERVED_SESSION_PREFIX: Final = "~"
_NAMESPACE: Final = uuid.UUID("6d656d6f-7300-5000-8000-000000000001")


def tenant_id(value: object) -> TenantId:
    """Check a tenant's id. Raises InvalidRequest."""
    return TenantId(_checked(value, "tenant"))


def user_id(value: object) -> UserId:
    """Check a user's id. Raises InvalidRequest."""
    return UserId(_checked(value, "user_id"))


def cube_id(value: object) -> CubeId:
    """Check a cube's id. Raises InvalidRequest."""
    return CubeId(_checked(value, "mem_cube_id"))


def session_id(value: object) -> SessionId:
    """Check the id of a user's session. Raises InvalidRequest, also for the reserved ``~`` names."""
    checked = _checked(value, "session_id")
    if checked.startswith(RESERVED_SESSION_PREFIX):
        raise InvalidRequest(f"session_id {checked!r} starts with '~', which is reserved; choose another name")
    return SessionId(checked)


def new_job_id() -> JobId:
    """A fresh, random job id."""
    return JobId(uuid.uuid4().hex)


def message_id(tenant: TenantId, cube: CubeId, job: JobId, ordinal: int) -> MessageId:
    """The id of a job's message: the same on every attempt (uuid5, RFC 9562)."""
    return MessageId(_derived("message", tenant, cube, job, str(ordinal)))


def memory_id(tenant: TenantId, cube: CubeId, job: JobId, ordinal: int) -> MemoryId:
    """The id of a job's memory: the same on every attempt (uuid5, RFC 9562)."""
    return MemoryId(_derived("memory", tenant, cube, job, str(ordinal)))


def storage_key(tenant: TenantId, *parts: str) -> str:
    """One unambiguous key for stores without composite keys. Always starts with the tenant."""
    return KEY_SEPARATOR.join((tenant, *parts))


def _derived(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, KEY_SEPARATOR.join(parts)))


def _checked(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{what} must be a string, not {type(value).__name__}")
    if not 1 <= len(value) <= MAX_ID_CHARS:
        raise InvalidRequest(f"{what} must have 1 to {MAX_ID_CHARS} characters, not {len(value)}")
    if not value.isprintable() or value != value.strip():
        raise InvalidRequest(f"{what} {value!r} has control characters or white space at its ends; remove them")
    return value
