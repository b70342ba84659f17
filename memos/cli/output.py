"""What the command line prints: JSON for programs, tables for people, one line for an error."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table

console: Final = Console(highlight=False)
errors: Final = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table whose first column is never broken; every cell is shown as plain text, never as markup."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console.print(table)


def print_error(message: str) -> None:
    """One line on standard error."""
    line = " ".join(message.split())
    errors.print(f"memos: {line}", markup=False, soft_wrap=True)


def _plain(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return text.replace("[", r"\[")
