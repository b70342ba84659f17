"""How the servers of one data directory are reached: passwords and ports, which survive a restart.

data_dir/access.json    mode 0600; remove it while nothing runs, and the next start makes new passwords
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from memos.errors import Corrupt

FILE_NAME: Final = "access.json"


def _new_password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Passwords made at the first start, and the ports that ``memos up`` used last."""

    redis_password: str = field(default_factory=_new_password, repr=False)
    graph_password: str = field(default_factory=_new_password, repr=False)
    flower_password: str = field(default_factory=_new_password, repr=False)
    ports: dict[str, int] = field(default_factory=dict[str, int])


def open_access(data_dir: Path) -> Access:
    """The directory's access file, made when missing. Call it under the directory's lock. Raises Corrupt."""
    path = data_dir / FILE_NAME
    if path.exists():
        return load_access(path)
    access = Access()
    save_access(data_dir, access)
    return access


def save_access(data_dir: Path, access: Access) -> None:
    """Replace the directory's access file. Call it under the directory's lock."""
    write_private(data_dir / FILE_NAME, asdict(access))


def load_access(path: Path) -> Access:
    """Read an access file. Raises Corrupt, saying what to do."""
    try:
        return TypeAdapter(Access).validate_json(path.read_bytes())
    except ValidationError:
        raise Corrupt(f"{path} cannot be read as passwords and ports; remove it and start again") from None


def write_private(path: Path, value: object) -> None:
    """Replace a file by a JSON value, atomically; only its owner may read it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
