"""``memos add``, ``memos search``, ``memos chat``."""

import json
import sys
import textwrap
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from memos.cli.options import AsJson, Cube, DataDir, Session, Tenant, User, settings_of
from memos.cli.output import console, print_error, print_json, print_rows
from memos.configs.mem_os import MOSConfig
from memos.errors import InvalidRequest
from memos.mem_os.main import MOS
from memos.memories.textual.item import SourceItem, TextualMemoryItem
from memos.settings import Settings
from memos.types import JobState

# Of each message that a memory rests on; `--json` has all of it.
_SHOWN_CHARS: Final = 160


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(add)
    app.command()(search)
    app.command()(chat)


def add(
    text: Annotated[str | None, typer.Argument(help="What the user said; '-' reads standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A JSON list of messages.")] = None,
    user: User = "root",
    cube: Cube = None,
    session: Session = "default",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the memories; 0 does not wait.")] = 30,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Remember messages. The user and a first cube of the same name are made when they are missing."""
    messages = read_messages(text, file)
    with closing(open_mos(settings_of(data_dir, tenant), user)) as mos:
        if not mos.list_cubes(user_id=user):
            mos.create_user(user_id=user)
            mos.create_cube_for_user(user, owner_id=user, cube_id=cube)
        added = mos.add(messages, user_id=user, mem_cube_id=cube, session_id=session)
        if added.state is JobState.QUEUED and wait > 0:
            added = mos.wait([added.job_id], timeout_s=wait)[0]
    if as_json:
        print_json(asdict(added))
    else:
        console.print(f"{added.state}: {len(added.memory_ids)} memories, job {added.job_id}", markup=False)
    if added.state is JobState.DEAD:
        raise typer.Exit(1)


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    user: User = "root",
    cube: Cube = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=1000)] = 5,
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Find memories, with who said what they rest on, and when."""
    with closing(open_mos(settings_of(data_dir, tenant), user)) as mos:
        found = mos.search(query, user_id=user, top_k=top_k, mem_cube_ids=None if cube is None else [cube])
    if as_json:
        print_json(found)
        return
    items = [item for shelf in found["text_mem"] for item in shelf["memories"]]
    print_rows(item_row(item) for item in sorted(items, key=lambda item: -(item.score or 0)))
    if not items:
        console.print("nothing found")
    for reason in found["degraded"]:
        console.print(f"degraded: {reason}", markup=False)


def chat(
    query: Annotated[str | None, typer.Argument(help="One question; without it, lines of standard input.")] = None,
    user: User = "root",
    cube: Cube = None,
    session: Session = "default",
    data_dir: DataDir = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Chat with a model that remembers; answers are streamed."""
    with closing(open_mos(settings_of(data_dir, tenant), user, activation=True)) as mos:
        for line in [query] if query is not None else _lines():
            stream = mos.chat_stream(line, user_id=user, session_id=session, mem_cube_id=cube)
            if as_json:
                answer = "".join(stream)
                print_json({"query": line, "answer": answer, "report": stream.report, "degraded": stream.degraded})
            else:
                _echo(stream)
                for reason in stream.degraded:
                    print_error(f"answered without all memories: {reason}")


def open_mos(settings: Settings, user: str, *, activation: bool = False) -> MOS:
    """MOS with the scheduler when one is configured, else working in this process."""
    config = MOSConfig(
        user_id=user,
        enable_mem_scheduler=settings.redis_url is not None,
        enable_activation_memory=activation,
    )
    return MOS(config, settings=settings)


def read_messages(text: str | None, file: Path | None) -> Any:
    """The messages that the arguments stand for. Raises InvalidRequest."""
    if (text is None) == (file is None):
        raise InvalidRequest('give either a text or --file; for example: memos add "I moved to Lisbon"')
    if file is None:
        return [{"role": "user", "content": read_input() if text == "-" else text}]
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequest(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise InvalidRequest(f"{file} is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequest(f"{file} is nested too deeply to be a list of messages") from None


def read_input() -> str:
    """All of standard input. Raises InvalidRequest when it is not text."""
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"standard input is not {error.encoding} text: {error.reason}") from None


def item_row(item: TextualMemoryItem) -> tuple[str, str]:
    """A found memory: its score, and its text above what it rests on."""
    score = "" if item.score is None else f"{item.score:.2f}"
    return score, "\n".join([item.memory, *(_said(source) for source in item.sources)])


def _said(source: SourceItem) -> str:
    words = textwrap.shorten(source.content, _SHOWN_CHARS, placeholder=" …")
    return f"— {source.speaker}, {source.chat_time:%Y-%m-%d %H:%M}: “{words}”"


def _lines() -> Iterable[str]:
    return (line for line in map(str.strip, read_input().splitlines()) if line)


def _echo(pieces: Iterable[str]) -> None:
    for piece in pieces:
        console.print(piece, end="", markup=False, soft_wrap=True)
    console.print()
