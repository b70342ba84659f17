"""mem0's huggingface provider: text-embeddings-inference by URL, else a model in this process."""

from typing import Final

from memos.configs.embedder import HuggingFaceEmbedderConfig
from memos.embedders.base import Embedder
from memos.models.packaged import PACKAGED
from memos.models.resolve import load_aliases
from memos.settings import Settings, load_settings

# Whose models sentence-transformers itself finds without their owner's name.
_DEFAULT_OWNER: Final = "sentence-transformers"


def open_huggingface(config: HuggingFaceEmbedderConfig, settings: Settings | None) -> Embedder:
    """The embedder that the configuration describes."""
    if config.huggingface_base_url is not None:
        from memos.embedders.openai import open_tei

        return open_tei(config, config.huggingface_base_url)
    from memos.embedders.sentence_transformer import SentenceTransformerEmbedder

    name = full_name(config.model_name_or_path, settings or load_settings())
    return SentenceTransformerEmbedder.from_config(config, name=name, settings=settings)


def full_name(name: str, settings: Settings) -> str:
    """``name`` with the owner that sentence-transformers leaves out, unless it stands for something here."""
    aliases = load_aliases(settings.model_aliases) if settings.model_aliases else {}
    is_known = "/" in name or name.startswith((".", "~")) or name in PACKAGED or name in aliases
    return name if is_known else f"{_DEFAULT_OWNER}/{name}"
