"""How much of a machine one document may take."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentLimits:
    """Bounds of one document. ``max_unpacked_bytes`` holds for all that a zip archive contains, together.

    ``timeout_s`` and ``max_memory_bytes`` (of address space, on Linux) bound the process that converts it.
    """

    max_bytes: int = 50_000_000
    max_chars: int = 10_000_000
    max_unpacked_bytes: int = 200_000_000
    max_memory_bytes: int = 2_000_000_000
    timeout_s: float = 60.0
