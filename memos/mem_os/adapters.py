"""Which adapter answers the chats of a cube: the newest of those that the cube holds in this process."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from memos.configs.llm import HuggingFaceLLMConfig, LLMConfigFactory
from memos.errors import InvalidConfig
from memos.ids import CubeId
from memos.llms.huggingface import HuggingFaceLLM
from memos.memories.parametric.apply import LoRAAdapter, require_peft
from memos.memories.parametric.item import LoRAItem

_SWITCH: Final = "enable_parametric_memory"


class AdaptedModels:
    """The chat model, once for each cube that holds adapters. Thread-safe.

    ``list_held`` gives what a cube holds as its para_mem; ``open_model`` is called when an adapter is first applied.
    """

    def __init__(
        self, list_held: Callable[[CubeId, str], Sequence[Any]], open_model: Callable[[], HuggingFaceLLM]
    ) -> None:
        self._list_held = list_held
        self._open_model = open_model

    def list_answering(self, cube: CubeId) -> list[LoRAItem]:
        """The adapter that is applied in chats of this cube: one or none. Loads nothing."""
        newest = newest_adapter(self._list_held(cube, "para_mem"))
        return [] if newest is None else [newest]

    def find_model(self, cube: CubeId) -> HuggingFaceLLM | None:
        """The chat model with the cube's adapter applied, ready to answer; None for a cube that has none.

        Raises InvalidRequest for an adapter that does not fit the model, Unavailable when the model cannot be loaded.
        """
        for item in self.list_answering(cube):
            model = self._open_model().with_adapter(LoRAAdapter(item=item))
            model.engine.load()
            return model
        return None


def newest_adapter(items: Sequence[Any]) -> LoRAItem | None:
    """The adapter that was made last; of two of one moment, the later in the list."""
    adapters = [item for item in items if isinstance(item, LoRAItem)]
    return max(reversed(adapters), key=lambda item: item.metadata.created_at, default=None)


def check_adaptable(chat_model: LLMConfigFactory) -> None:
    """Raises InvalidConfig for a model that runs elsewhere, where no adapter can be applied, and without peft."""
    if not isinstance(chat_model.config, HuggingFaceLLMConfig):
        raise InvalidConfig(f"{_SWITCH} needs a chat_model of backend 'huggingface', not {chat_model.backend!r}")
    require_peft(_SWITCH)
