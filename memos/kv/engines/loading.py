"""Loading a model directory with transformers: safetensors only, no code from the directory, no network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from memos.errors import InvalidConfig, Unavailable
from memos.models.extras import require_local_extra
from memos.models.quiet import no_progress_bars

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

Dtype = Literal["float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What is read of a model before its weights."""

    config: "PreTrainedConfig"
    tokenizer: "PreTrainedTokenizerBase"
    chat_template: str


def choose_device(device: Device) -> str:
    """Where to run: CUDA where there is one, unless told. Raises InvalidConfig when CUDA is asked for and absent."""
    require_local_extra("running a model", "torch", "transformers", "safetensors")
    import torch

    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InvalidConfig("device is 'cuda' and this machine has no CUDA device; use 'auto' or 'cpu'")
    return "cuda" if there and device != "cpu" else "cpu"


def load_description(model_dir: Path) -> Described:
    """The model's configuration and tokenizer. Raises InvalidConfig when it has no chat template."""
    require_local_extra("running a model", "torch", "transformers", "safetensors")
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(model_dir, local_files_only=True, trust_remote_code=False)
        tokenizer: Any = AutoTokenizer.from_pretrained(model_dir, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(model_dir, error) from error
    template: object = tokenizer.chat_template
    if not isinstance(template, str) or not template:
        raise InvalidConfig(f"model {model_dir} has no chat template; choose an instruction-tuned model")
    return Described(config=config, tokenizer=tokenizer, chat_template=template)


def load_weights(model_dir: Path, *, dtype: Dtype, device: str) -> Any:
    """The model, ready to run. Raises Unavailable when it cannot be loaded, InvalidConfig when it is no chat model."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    try:
        with no_progress_bars():
            model: Any = AutoModelForCausalLM.from_pretrained(
                model_dir,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
            )
        return model.to(device).eval()
    except (OSError, SafetensorError, torch.OutOfMemoryError) as error:
        raise Unavailable(f"model {model_dir.name}", f"its weights in {model_dir} cannot be loaded: {error}") from error
    except (ValueError, KeyError) as error:
        raise _unusable(model_dir, error) from error


def _unusable(model_dir: Path, error: BaseException) -> InvalidConfig:
    first_line = str(error).strip().split("\n", 1)[0]
    return InvalidConfig(f"model {model_dir} cannot be used by transformers: {first_line}")
