"""What peft is told of an adapter's configuration, and which adapters cannot be applied here (pure).

A configuration is a file of somebody else's. Of its fields some say how the two matrices of a layer are scaled, some
only how they were trained, and any other, where it is set, is refused: peft has fields that import a module by name,
open further files, change the model's own weights, or repeat its layers.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from memos.errors import InvalidRequest
from memos.memories.parametric.adapter import CONFIG_FILE, Pair
from memos.memories.parametric.header import Shapes
from memos.settings import describe_validation_error

_SCALING: Final = frozenset({"r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"})
_TRAINING: Final = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "corda_config",
        "eva_config",
        "exclude_modules",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "loftq_config",
        "lora_dropout",
        "lora_ga_config",
        "megatron_core",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "revision",
        "runtime_config",
        "target_modules",
        "task_type",
    }
)
_UNSET: Final[tuple[Any, ...]] = (None, False, 0, "", "none", [], {})
# How training began, where the model's own weights stay as they were.
_STARTS: Final[tuple[Any, ...]] = (None, True, False, "gaussian", "orthogonal", "eva")
# A name, or with ^ a whole one. peft takes it for a regular expression; this much cannot take long.
_Name = Annotated[str, Field(pattern=r"^\^?[A-Za-z0-9_.]{1,300}$")]


class _Scaling(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    r: int = Field(ge=1)
    lora_alpha: float
    use_rslora: bool = False
    rank_pattern: dict[_Name, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    alpha_pattern: dict[_Name, float] = Field(default_factory=dict)


_FIELDS: Final = TypeAdapter(dict[str, Any])


def fields_for_peft(config: bytes, pairs: Sequence[Pair], what: str) -> dict[str, Any]:
    """The fields of a LoraConfig that apply these pairs and nothing else. Raises InvalidRequest, naming what is set."""
    given = _FIELDS.validate_json(config)
    others = sorted(
        name for name, value in given.items() if name not in _SCALING | _TRAINING and not _is_harmless(name, value)
    )
    if others:
        raise InvalidRequest(
            f"{what}: {CONFIG_FILE} sets {', '.join(others)}, which is not applied here; save it as a plain adapter, "
            "with lora_A and lora_B alone and the model's own weights as they were"
        )
    return {**_parse(given, what).model_dump(), "target_modules": [pair.module for pair in pairs]}


def check_complete(pairs: Sequence[Pair], weights: Shapes, what: str) -> None:
    """Raises InvalidRequest when the model lacks one of the layers that an adapter changes."""
    missing = [pair.module for pair in pairs if f"{pair.module}.weight" not in weights]
    if missing:
        raise InvalidRequest(
            f"{what} changes {missing[0]}, which the model does not have ({len(missing)} of {len(pairs)} layers are "
            "missing); it belongs to another model"
        )


def _is_harmless(name: str, value: Any) -> bool:
    return value in (_STARTS if name == "init_lora_weights" else _UNSET)


def _parse(given: Mapping[str, Any], what: str) -> _Scaling:
    try:
        return _Scaling.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(describe_validation_error(error, f"{what} {CONFIG_FILE} field")) from None
