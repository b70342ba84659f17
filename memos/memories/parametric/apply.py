"""An adapter put into a model with peft.

The matrices stay beside the weights and are not merged into them: a layer computes W x + s B (A x). So the weights can
be those of the model that answers without the adapter, and an adapter takes about the room of its file; merged, it
would take that of every weight it changes. The price is time: with each linear layer of SmolLM2-135M changed, a
token took 69 instead of 59 ms on two cores.
"""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from memos.errors import InvalidConfig, InvalidRequest, Unavailable
from memos.kv.bundle import disk_errors
from memos.memories.parametric.adapter import Pair, check_fits, pairs_of, parse_config
from memos.memories.parametric.header import Shapes, shapes_of
from memos.memories.parametric.item import LoRAItem
from memos.memories.parametric.peft_fields import check_complete, fields_for_peft

_REMEMBERED_DIGESTS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class LoRAAdapter:
    """An item, ready to be put into a model; a memos.kv.engines.base.Adapter."""

    item: LoRAItem

    @property
    def digest(self) -> str:
        """SHA-256 over both files."""
        return _digest_of(self.item.config, self.item.weights)

    def apply(self, model: Any) -> Any:
        """Put the adapter into this very model and return it; no weight that it has is changed or replaced.

        Raises InvalidRequest when the adapter does not fit, with the model in an unusable state, InvalidConfig without
        peft, and Unavailable when there is no room.
        """
        require_peft("an adapter")
        what = f"adapter {self.item.id}"
        shapes = shapes_of(self.item.weights, what)
        pairs = pairs_of(parse_config(self.item.config, what), shapes, what)
        fields = fields_for_peft(self.item.config, pairs, what)
        _check_layers(model, pairs, what)
        adapted = _load(model, self.item, fields, what)
        _check_loaded(adapted, shapes, what)
        return adapted.get_base_model()


def require_peft(what: str) -> None:
    """Raises InvalidConfig unless peft is installed. Imports nothing."""
    if find_spec("peft") is None:
        raise InvalidConfig(f"{what} needs peft; install it with: pip install 'memos[peft]'")


@lru_cache(maxsize=_REMEMBERED_DIGESTS)
def _digest_of(config: bytes, weights: bytes) -> str:
    return sha256(sha256(config).digest() + sha256(weights).digest()).hexdigest()


def _check_layers(model: Any, pairs: list[Pair], what: str) -> None:
    weights = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    check_complete(pairs, weights, what)
    check_fits(pairs, weights, what)


def _load(model: Any, item: LoRAItem, fields: dict[str, Any], what: str) -> Any:
    import torch
    from peft import LoraConfig, PeftModel

    folder = Path(tempfile.gettempdir())
    with disk_errors(folder), tempfile.TemporaryDirectory(prefix="memos-adapter-") as directory:
        item.save(directory)
        try:
            # Of the directory only the weights are read, since the configuration is given.
            told = LoraConfig(**fields)
            return PeftModel.from_pretrained(model, directory, config=told, torch_device=str(model.device)).eval()
        except torch.OutOfMemoryError as error:
            raise Unavailable(f"model {model.config.name_or_path}", f"no room for {what}: {error}") from error
        except (RuntimeError, ValueError, KeyError) as error:
            raise InvalidRequest(f"{what} does not fit the model: {_first_line(error)}") from error


def _check_loaded(adapted: Any, shapes: Shapes, what: str) -> None:
    from peft import get_peft_model_state_dict

    loaded = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    differing = sorted(set(loaded) ^ set(shapes))
    if differing:
        raise InvalidRequest(f"{what} does not fit the model: nothing takes or gives {', '.join(differing[:3])}")
    spoilt = [name for name, tensor in loaded.items() if not bool(tensor.isfinite().all())]
    if spoilt:
        raise InvalidRequest(f"{what} has values in {spoilt[0]} that are not finite; train it again")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
