"""Recorded conversations with questions about them, as the LoCoMo dataset writes them (Maharana et al., 2024).

NAME.json    {"session_1": [{"speaker", "dia_id", "text", "blip_caption"?}, ...],
              "session_1_date_time": "1:56 pm on 8 May, 2023", ..., "qa": [{"question", ...}, ...]}
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from memos.configs.files import load_json
from memos.errors import InvalidRequest

_SESSION: Final = re.compile(r"session_(\d+)")
_DATE: Final = "%I:%M %p on %d %B, %Y"


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What somebody said. A photo that was shown is told in words, as its caption has it."""

    name: str
    session: str
    speaker: str
    text: str
    said_at: datetime

    def as_message(self) -> dict[str, Any]:
        """The turn as ``MOS.add`` takes it."""
        return {"role": "user", "name": self.speaker, "content": self.text, "chat_time": self.said_at.isoformat()}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedConversation:
    """The turns in their order, and the questions; nothing else of the file is read."""

    name: str
    turns: tuple[Turn, ...]
    questions: tuple[str, ...]


def load_conversation(directory: Path, name: str) -> RecordedConversation:
    """The conversation NAME.json of a directory. Raises InvalidConfig, InvalidRequest."""
    path = directory / f"{name}.json"
    content = load_json(path)
    try:
        sessions = sorted((key for key in content if _SESSION.fullmatch(key)), key=_number)
        turns = [turn for key in sessions for turn in _turns(key, content)]
        questions = [str(entry["question"]) for entry in content["qa"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequest(f"{path} is no conversation in the form of LoCoMo: {error!r:.100}") from None
    return RecordedConversation(name=name, turns=tuple(turns), questions=tuple(questions))


def _turns(session: str, content: dict[str, Any]) -> list[Turn]:
    said_at = datetime.strptime(content[f"{session}_date_time"].upper(), _DATE).replace(tzinfo=UTC)
    return [
        Turn(name=entry["dia_id"], session=session, speaker=entry["speaker"], text=_words_of(entry), said_at=said_at)
        for entry in cast(list[dict[str, Any]], content[session])
    ]


def _words_of(entry: dict[str, Any]) -> str:
    caption = entry.get("blip_caption")
    return f"{entry['text']} [photo: {caption}]" if caption else str(entry["text"])


def _number(session: str) -> int:
    return int(session.rpartition("_")[2])
