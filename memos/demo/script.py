"""The conversations that the demonstration feeds in, and the questions that it asks. One JSON file a user."""

from pathlib import Path

from memos.configs.base import BaseConfig
from memos.errors import InvalidConfig
from memos.mem_os.main import MOS


class Turn(BaseConfig):
    """One message, in the form that ``MOS.add`` takes."""

    role: str
    name: str
    content: str
    chat_time: str


class Session(BaseConfig):
    """A dated conversation."""

    session: str
    date: str
    turns: tuple[Turn, ...]


class Question(BaseConfig):
    """A question, the passages that its memories' sources must contain, and those that none may contain."""

    question: str
    kind: str
    expect: tuple[str, ...]
    absent: tuple[str, ...]


class Script(BaseConfig):
    """All of one user."""

    tenant: str
    user: str
    cube: str
    speaker: str
    sessions: tuple[Session, ...]
    chat: str
    questions: tuple[Question, ...]

    @property
    def answerable(self) -> list[Question]:
        """The questions that this user's memories must answer."""
        return [question for question in self.questions if question.expect]

    def enqueue(self, mos: MOS) -> list[str]:
        """Make the user with a cube and submit every session; returns the jobs."""
        mos.create_user(user_id=self.user)
        mos.create_cube_for_user(self.cube, owner_id=self.user)
        return [self._add(mos, session) for session in self.sessions]

    def _add(self, mos: MOS, session: Session) -> str:
        messages = [turn.model_dump() for turn in session.turns]
        return mos.add(messages, user_id=self.user, session_id=session.session).job_id


def load_scripts(folder: Path) -> list[Script]:
    """Every script of a folder, by name. Raises InvalidConfig when there is none."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise InvalidConfig(f"{folder} holds no conversations; run from the repository's root or give --conversations")
    return [Script.from_json_file(path) for path in paths]
