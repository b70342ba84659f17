"""The Cypher files of this package, by name. Each is read once; its comments stay behind."""

from functools import cache
from importlib.resources import files
from typing import Final, LiteralString, cast

_FOLDER: Final = "cypher"


@cache
def load_query(name: str) -> LiteralString:
    """The query in ``cypher/NAME.cypher``. What varies is a parameter: a query is never put together."""
    text = files("memos.graph_dbs").joinpath(_FOLDER, f"{name}.cypher").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("//")]
    return cast(LiteralString, "\n".join(lines))


def load_statements(name: str) -> list[LiteralString]:
    """The statements of a file that has several, each ended by a semicolon."""
    parts = (part.strip() for part in load_query(name).split(";"))
    return [cast(LiteralString, part) for part in parts if part]
