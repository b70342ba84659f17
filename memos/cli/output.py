"""What the command line prints: JSON for programs, tables for people, one line for an error."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic_core import to_jsonable_python
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

console: Final = Console(highlight=False)
errors: Final = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, folding: Sequence[str] | None = None
) -> None:
    """A table; every cell is shown as plain text, never as markup.

    On a narrow terminal the ``folding`` columns are broken, by default all but the first.
    """
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.show_edge = False
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in (columns[1:] if folding is None else folding))
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console.print(table)


def print_rows(rows: Iterable[Sequence[str]]) -> None:
    """Rows without headings, a blank line between them; the first column is narrow and set to the right."""
    table = Table.grid(padding=(0, 2, 1, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    if table.row_count:
        console.print(table)


def print_error(message: str) -> None:
    """One line on standard error."""
    line = " ".join(message.split())
    errors.print(f"memos: {line}", markup=False, soft_wrap=True)


def _plain(cell: object) -> Text:
    return Text("" if cell is None else str(cell))
