"""GGUF inside a package -> a safetensors directory in the model cache, once for all processes.

model_cache/
  .NAME.lock            held while somebody converts NAME
  .NAME.XXXX.tmp/       being written; left only by a killed process, removed by the next conversion
  NAME/                 complete: appears by one rename
    conversion.json     what it was made from, and by which versions
"""

import contextlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from memos.errors import Unavailable
from memos.models.extras import require_local_extra
from memos.models.packaged import PackagedModel, find_installed_version
from memos.models.quiet import no_progress_bars

logger = logging.getLogger(__name__)

CONVERSION_FORMAT: Final = 1
MARKER: Final = "conversion.json"
_LOCK_TIMEOUT_S: Final = 600
_BYTES_NEEDED: Final = 400_000_000  # one bf16 copy of the weights, with some air

Write = Callable[[Path, Path], None]
"""Writes a model directory (second) from a GGUF file (first)."""


class Marker(BaseModel):
    """The contents of conversion.json."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int
    package: str
    package_version: str
    source: str
    transformers: str
    torch: str


def is_converted(model: PackagedModel, cache: Path) -> bool:
    """True when the cache holds a complete conversion by this version of the converter."""
    try:
        marker = Marker.model_validate_json((cache / model.name / MARKER).read_bytes())
    except (OSError, ValidationError):
        return False
    return marker.format == CONVERSION_FORMAT and marker.source == model.path


def convert_packaged(model: PackagedModel, source: Path, cache: Path, *, write: Write | None = None) -> Path:
    """The model's converted directory, converted first where needed; safe when several processes start at once.

    Takes about 25 s the first time. Raises Unavailable when the disk is full or another converter never ends.
    """
    target = cache / model.name
    if is_converted(model, cache):
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{model.name}.lock", timeout=_LOCK_TIMEOUT_S):
            if not is_converted(model, cache):
                _convert_locked(model, source, target, write or write_model_directory)
    except Timeout:
        raise Unavailable(
            f"model {model.name}", f"another process has been converting it in {cache} for ten minutes"
        ) from None
    except OSError as error:
        raise Unavailable(
            "disk", f"cannot write {target}: {error}; free some space or set MEMOS_MODEL_CACHE"
        ) from error
    return target


def write_model_directory(source: Path, target: Path) -> None:
    """Unpack a GGUF file into bfloat16 safetensors, with its tokenizer and chat template."""
    require_local_extra("converting a GGUF model", "torch", "transformers", "gguf", "accelerate")
    # The unpacking draws one more bar, which only a redirection keeps away.
    with no_progress_bars(), contextlib.redirect_stderr(io.StringIO()):
        _unpack(source, target)


def _unpack(source: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def _convert_locked(model: PackagedModel, source: Path, target: Path, write: Write) -> None:
    _remove_leftovers(target)
    _check_space(target.parent)
    logger.info("converting model %s into %s; this happens once and takes about half a minute", model.name, target)
    scratch = Path(tempfile.mkdtemp(prefix=f".{model.name}.", suffix=".tmp", dir=target.parent))
    try:
        write(source, scratch)
        (scratch / MARKER).write_text(_marker_of(model).model_dump_json(indent=2) + "\n", encoding="utf-8")
        scratch.chmod(0o755)
        if target.exists():  # a conversion of an older format, or no conversion at all
            os.replace(target, Path(tempfile.mkdtemp(prefix=f".{model.name}.", suffix=".tmp", dir=target.parent)))
        os.replace(scratch, target)
    finally:
        _remove_leftovers(target)


def _marker_of(model: PackagedModel) -> Marker:
    return Marker(
        format=CONVERSION_FORMAT,
        package=model.package,
        package_version=find_installed_version(model) or model.version,
        source=model.path,
        transformers=version("transformers"),
        torch=version("torch"),
    )


def _remove_leftovers(target: Path) -> None:
    for leftover in target.parent.glob(f".{target.name}.*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)


def _check_space(directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < _BYTES_NEEDED:
        raise Unavailable(
            "disk", f"{directory} has {free:,} bytes free and {_BYTES_NEEDED:,} are needed; free some space"
        )
