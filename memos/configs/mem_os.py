"""Configuration of MOS."""

from pydantic import Field

from memos.configs.base import BaseConfig
from memos.configs.llm import LLMConfigFactory
from memos.configs.mem_reader import MemReaderConfigFactory
from memos.configs.mem_user import UserManagerConfigFactory
from memos.configs.reranker import RerankerConfigFactory
from memos.configs.scheduler import SchedulerConfigFactory
from memos.kv.prefix import DEFAULT_SYSTEM_PROMPT


class MOSConfig(BaseConfig):
    """What one MOS object does; servers and files are in Settings."""

    user_id: str = Field(default="root", description="Who acts when a call names no user; made at the start.")
    session_id: str = Field(default="default", description="The session of calls that name none.")
    chat_model: LLMConfigFactory | None = Field(
        default=None, description="Answers chats; by default Settings.chat_model."
    )
    mem_reader: MemReaderConfigFactory | None = Field(
        default=None, description="Turns messages into memories; by default Settings.reader."
    )
    reranker: RerankerConfigFactory | None = Field(
        default=None, description="Has the last word on the order of what a search found; by default nobody."
    )
    mem_scheduler: SchedulerConfigFactory | None = Field(
        default=None, description="Where jobs go and how many may wait, while this object schedules; else Settings."
    )
    user_manager: UserManagerConfigFactory | None = Field(
        default=None, description="Where users, cubes and grants are; by default Settings.database_url."
    )
    system_prompt: str = Field(default=DEFAULT_SYSTEM_PROMPT, min_length=1, description="Begins every chat's prompt.")
    top_k: int = Field(default=5, ge=1, le=1000, description="Memories of a search that names no number.")
    max_turns_window: int = Field(default=20, ge=0, description="Messages of the session that a chat shows the model.")
    enable_textual_memory: bool = Field(
        default=True,
        description="Without it chats neither recall nor remember, and calls about memories are refused.",
    )
    enable_mem_scheduler: bool = Field(
        default=False, description="Hand work to workers through Redis; else do it at once."
    )
    enable_activation_memory: bool = Field(
        default=False, description="Put a cube's stable memories first in the prompt and keep their KV state."
    )
    enable_parametric_memory: bool = Field(
        default=False,
        description="Answer chats of a cube with the newest LoRA adapter that it holds; for a model of this process.",
    )
