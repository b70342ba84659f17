"""Office documents are zip archives, and a small one can unpack to any size."""

import io
import zipfile
from typing import Final

from memos.errors import InvalidRequest

MAX_MEMBERS: Final = 10_000


def check_archive(content: bytes, *, max_unpacked_bytes: int) -> None:
    """Raises InvalidRequest for a damaged or encrypted archive, and for one that unpacks to more than it may.

    The sizes are those that the archive states, and zipfile reads no more of a member than its stated size.
    """
    try:
        members = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        raise InvalidRequest("is damaged: it is no complete zip archive") from None
    if len(members) > MAX_MEMBERS:
        raise InvalidRequest(f"holds {len(members):,} files; the limit is {MAX_MEMBERS:,}")
    size = sum(member.file_size for member in members)
    if size > max_unpacked_bytes:
        raise InvalidRequest(f"unpacks to {size:,} bytes; the limit is {max_unpacked_bytes:,}: split it")
    if any(member.flag_bits & 0x1 for member in members):
        raise InvalidRequest("is encrypted; save it without a password")
