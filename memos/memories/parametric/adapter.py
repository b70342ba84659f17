"""Is this a LoRA adapter, and does it fit a model? Decided from names and shapes; no tensor is loaded (pure).

adapter_config.json          rank, target modules, the name of the base model
adapter_model.safetensors    for each changed module M:  M.lora_A.weight [rank, in]   M.lora_B.weight [out, rank]
                             (an embedding: M.lora_embedding_A, M.lora_embedding_B)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memos.errors import InvalidRequest
from memos.memories.parametric.header import Shapes
from memos.settings import describe_validation_error

CONFIG_FILE: Final = "adapter_config.json"
WEIGHTS_FILE: Final = "adapter_model.safetensors"
PICKLED_WEIGHTS: Final = "adapter_model.bin"
_PREFIX: Final = "base_model.model."
# Of a module's two tensors: how their names end, and whether the module is an embedding.
_ENDINGS: Final = (
    (".lora_A.weight", ".lora_B.weight", False),
    (".lora_embedding_A", ".lora_embedding_B", True),
)


class AdapterConfig(BaseModel):
    """What we need of peft's adapter_config.json; the rest of it is kept as it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    peft_type: Literal["LORA"]
    base_model_name_or_path: str = Field(min_length=1)
    r: int = Field(ge=1)
    lora_alpha: float
    target_modules: str | tuple[str, ...] | None = None
    target_parameters: tuple[str, ...] | None = None
    rank_pattern: Mapping[str, int] = Field(default_factory=dict[str, int])

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the modules that it changes; a pattern instead of names is one name."""
        given = self.target_modules or ()
        return (given,) if isinstance(given, str) else tuple(sorted(given))


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One changed module: its name in the model and its two shapes."""

    module: str
    down: tuple[int, ...]
    up: tuple[int, ...]
    is_embedding: bool

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """The shape of the weight that the pair changes."""
        if self.is_embedding:
            return (self.down[1], self.up[0])
        return (self.up[0], self.down[1], *self.down[2:])


def parse_config(content: bytes, what: str) -> AdapterConfig:
    """Raises InvalidRequest, naming the field."""
    try:
        return AdapterConfig.model_validate_json(content)
    except ValidationError as error:
        raise InvalidRequest(describe_validation_error(error, f"{what} field")) from None


def pairs_of(config: AdapterConfig, shapes: Shapes, what: str) -> list[Pair]:
    """The changed modules, at least one. Raises InvalidRequest when tensors and configuration contradict each other."""
    pairs = [
        _pair(name.removesuffix(down), shapes, (down, up, is_embedding), what)
        for down, up, is_embedding in _ENDINGS
        for name in shapes
        if name.endswith(down)
    ]
    halves = sum(name.endswith(_ENDINGS[0][:2] + _ENDINGS[1][:2]) for name in shapes)
    if not pairs or halves != 2 * len(pairs):
        raise InvalidRequest(
            f"{what} has {len(pairs)} pairs of lora_A and lora_B in {halves} tensors; it is incomplete"
        )
    for pair in pairs:
        _check_pair(pair, config, what)
    return pairs


def check_fits(pairs: list[Pair], weights: Shapes, what: str) -> None:
    """Raises InvalidRequest when a changed module has another shape in the model, or none of them is in it."""
    known = [(pair, weights[f"{pair.module}.weight"]) for pair in pairs if f"{pair.module}.weight" in weights]
    if not known:
        raise InvalidRequest(f"{what} changes {pairs[0].module} and others, and the model has none of them")
    for pair, shape in known:
        if pair.weight_shape != shape:
            raise InvalidRequest(
                f"{what} changes {pair.module} of shape {list(pair.weight_shape)}, and the model's has {list(shape)}; "
                "it belongs to another model"
            )


def _pair(stem: str, shapes: Shapes, ending: tuple[str, str, bool], what: str) -> Pair:
    down, up = shapes[f"{stem}{ending[0]}"], shapes.get(f"{stem}{ending[1]}")
    if up is None or min(len(down), len(up)) < 2:
        raise InvalidRequest(f"{what}: {stem} has no complete pair of lora_A and lora_B")
    return Pair(module=stem.removeprefix(_PREFIX), down=down, up=up, is_embedding=ending[2])


def _check_pair(pair: Pair, config: AdapterConfig, what: str) -> None:
    # Which pattern is for which module is a regular expression of the file's own; it is not run here.
    ranks = {config.r, *config.rank_pattern.values()}
    if pair.down[0] != pair.up[1] or pair.down[0] not in ranks:
        raise InvalidRequest(
            f"{what}: {pair.module} has shapes {list(pair.down)} and {list(pair.up)}, which do not fit rank "
            f"{' or '.join(map(str, sorted(ranks)))} of {CONFIG_FILE}"
        )
    if not _is_target(pair.module, config):
        names = ", ".join(config.targets)
        raise InvalidRequest(f"{what}: {pair.module} is changed and is none of target_modules {names}")


def _is_target(module: str, config: AdapterConfig) -> bool:
    named: Any = config.target_modules
    if config.target_parameters or not isinstance(named, tuple):
        return True  # a pattern, or parameters that are no modules
    return any(module == name or module.endswith(f".{name}") for name in config.targets)
