"""Asking embedders over HTTP: for one word's vector, which also shows how long their vectors are."""

from contextlib import closing
from typing import Final, cast

from memos.configs.embedder import EmbedderConfigFactory, GoogleEmbedderConfig, RemoteEmbedderConfig
from memos.embedders.factory import EmbedderFactory
from memos.embedders.remote import RemoteEmbedder
from memos.local.providers.finding import TIMEOUT_S, Finding, wrong_dims

# Google is told how long the client will wait, and refuses less than this. The doctor itself does not wait so long.
_GOOGLE_TIMEOUT_S: Final = 10.0


def find_embedder(chosen: EmbedderConfigFactory) -> Finding:
    """Whether the model embeds with this key, and how its vectors compare to ``embedding_dims``. Raises MemosError."""
    config = cast(RemoteEmbedderConfig, chosen.config)
    timeout_s = _GOOGLE_TIMEOUT_S if isinstance(config, GoogleEmbedderConfig) else TIMEOUT_S
    hasty = config.model_copy(update={"timeout_s": timeout_s, "max_retries": 0, "cache_size": 0})
    embedder = cast(RemoteEmbedder, EmbedderFactory.from_config(chosen.model_copy(update={"config": hasty})))
    with closing(embedder):
        [vector] = embedder.embed(["ok"])
    if config.embedding_dims not in (None, len(vector)):
        return wrong_dims(found=len(vector), expected=config.embedding_dims)
    return Finding(detail=f"answers with vectors of {len(vector)} numbers")
