"""LoRA adapters as items: trained elsewhere, checked when they come in, kept byte by byte in peft's layout."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from memos.clock import Clock, SystemClock
from memos.configs.llm import HuggingFaceLLMConfig
from memos.configs.parametric import LoRAMemoryConfig
from memos.errors import InvalidRequest, NotFound
from memos.kv.bundle import Bundle, disk_errors
from memos.memories.parametric.adapter import (
    CONFIG_FILE,
    PICKLED_WEIGHTS,
    WEIGHTS_FILE,
    AdapterConfig,
    Pair,
    check_fits,
    pairs_of,
    parse_config,
)
from memos.memories.parametric.base import BaseParaMemory
from memos.memories.parametric.header import Shapes, load_shapes, shapes_of
from memos.memories.parametric.item import LoRAItem, LoRAMetadata
from memos.memories.parametric.lora_dump import dump_adapters, load_adapters
from memos.memories.textual.item import time_of
from memos.models.resolve import resolve_model
from memos.settings import Settings, load_settings

_SHOWN_TARGETS: Final = 4


class LoRAMemory(BaseParaMemory[LoRAItem]):
    """Adapters, ready for peft. Thread-safe.

    An adapter is complete, its shapes fit its own configuration and, where ``extractor_llm`` names the base model,
    that model's weights; anything else is refused with InvalidRequest. ``add`` and ``update`` also take the path of a
    directory in peft's layout, which is copied.
    """

    def __init__(
        self, config: LoRAMemoryConfig, settings: Settings | None = None, *, clock: Clock | None = None
    ) -> None:
        super().__init__()
        self._name = config.dump_name
        self._base = _weights_of(config, settings)
        self._clock = clock or SystemClock()

    def extract(self, messages: str | Sequence[Mapping[str, Any]]) -> NoReturn:
        """Always raises InvalidRequest: adapters are trained elsewhere, and added."""
        del messages
        raise InvalidRequest("LoRAMemory trains no adapters; train one with peft, then add the path of its directory")

    def read_adapter(self, directory: str | Path) -> LoRAItem:
        """The adapter of a directory in peft's layout, checked. Holds nothing. Raises NotFound, InvalidRequest."""
        source = Path(directory)
        with disk_errors(source):
            config, weights = _read(source, CONFIG_FILE), _read(source, WEIGHTS_FILE)
        parsed = parse_config(config, str(source / CONFIG_FILE))
        pairs = self._check(parsed, weights, str(source / WEIGHTS_FILE))
        metadata = self._metadata(parsed, pairs, len(config) + len(weights))
        return LoRAItem(memory=_describe(metadata), metadata=metadata, config=config, weights=weights)

    def dump(self, directory: str | Path) -> None:
        """Write all adapters in peft's layout with a manifest, whole or not at all; replaces the dump that is there."""
        dump_adapters(Bundle(directory, self._name), self.get_all())

    def load(self, directory: str | Path) -> int:
        """Add the adapters of a dump, all or none, byte by byte as they were dumped; returns how many."""
        items = load_adapters(Bundle(directory, self._name), self._check_item)
        self._hold(items)
        return len(items)

    def _accept(self, given: object, what: str) -> LoRAItem:
        if isinstance(given, str | Path):
            return self.read_adapter(given)
        if not isinstance(given, LoRAItem):
            kind = type(given).__name__
            raise InvalidRequest(f"{what} must be a LoRAItem or the path of an adapter's directory, not {kind}")
        self._check_item(given)
        return given

    def _check_item(self, item: LoRAItem) -> None:
        config = parse_config(item.config, f"adapter {item.id} {CONFIG_FILE}")
        self._check(config, item.weights, f"adapter {item.id}")

    def _check(self, config: AdapterConfig, weights: bytes, what: str) -> list[Pair]:
        pairs = pairs_of(config, shapes_of(weights, what), what)
        if self._base is not None:
            check_fits(pairs, self._base, what)
        return pairs

    def _metadata(self, config: AdapterConfig, pairs: list[Pair], size_bytes: int) -> LoRAMetadata:
        return LoRAMetadata(
            base_model=config.base_model_name_or_path,
            rank=config.r,
            alpha=config.lora_alpha,
            target_modules=config.targets,
            modules=len(pairs),
            size_bytes=size_bytes,
            created_at=time_of(self._clock.now_ms()),
        )


def _weights_of(config: LoRAMemoryConfig, settings: Settings | None) -> Shapes | None:
    if config.extractor_llm is None:
        return None
    model = cast(HuggingFaceLLMConfig, config.extractor_llm.config)
    directory = resolve_model(model.model_name_or_path, settings or load_settings())
    with disk_errors(directory):
        files = sorted(directory.glob("*.safetensors"))
        return {name: shape for file in files for name, shape in load_shapes(file).items()}


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except FileNotFoundError:
        pass
    if name == WEIGHTS_FILE and (directory / PICKLED_WEIGHTS).exists():
        raise InvalidRequest(
            f"{directory / PICKLED_WEIGHTS} is a pickle, which can run any code when it is opened, so it is refused; "
            f"save the adapter as {WEIGHTS_FILE}"
        )
    raise NotFound(f"{directory} has no {name}; an adapter is a directory as peft's save_pretrained writes it")


def _describe(metadata: LoRAMetadata) -> str:
    names = ", ".join(metadata.target_modules[:_SHOWN_TARGETS])
    return f"LoRA adapter of rank {metadata.rank} for {metadata.base_model}: {metadata.modules} modules ({names})"
