"""mem0's ``Memory`` on this project's stores: ``from memos.mem0 import Memory`` (docs/from_mem0.md).

memory.py      what an application calls           config.py     its dictionary, section by section:
adding.py      from messages to rows                 llm.py · vector_store.py · reranker.py
finding.py     from a query to ranked rows           (embedders: memos/configs/mem0_embedder.py)
history.py     what became of each memory
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memos.mem0.config import MemoryConfig
    from memos.mem0.memory import Memory

__all__ = ["Memory", "MemoryConfig"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that importing the package costs nothing."""
    if name == "Memory":
        from memos.mem0.memory import Memory

        return Memory
    if name == "MemoryConfig":
        from memos.mem0.config import MemoryConfig

        return MemoryConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
