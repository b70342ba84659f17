"""From a configuration to a reranker."""

from typing import Final, cast

from memos.configs.reranker import (
    CosineLocalRerankerConfig,
    CrossEncoderRerankerConfig,
    HTTPRerankerConfig,
    NoopRerankerConfig,
    RerankerConfigFactory,
)
from memos.registry import Registry
from memos.rerankers.base import Reranker
from memos.settings import Settings

BACKENDS: Final = Registry(
    "reranker backend",
    {name: f"memos.rerankers.factory:build_{name}" for name in RerankerConfigFactory.known},
)


class RerankerFactory:
    """Makes rerankers; a backend's packages are imported only when it is chosen."""

    @staticmethod
    def from_config(config: RerankerConfigFactory, *, settings: Settings | None = None) -> Reranker:
        """The reranker that ``config`` describes. Raises InvalidConfig.

        ``settings`` say where models and aliases are; without them, the environment does.
        """
        return cast(Reranker, BACKENDS.load(config.backend)(config.config, settings))


def build_cosine_local(config: CosineLocalRerankerConfig, settings: Settings | None) -> Reranker:
    """By an embedder."""
    from memos.rerankers.cosine_local import CosineReranker

    return CosineReranker.from_config(config, settings=settings)


def build_cross_encoder(config: CrossEncoderRerankerConfig, settings: Settings | None) -> Reranker:
    """A model in this process, loaded at its first use."""
    from memos.rerankers.cross_encoder import CrossEncoderReranker

    return CrossEncoderReranker(config, settings=settings)


def build_http_bge(config: HTTPRerankerConfig, _: Settings | None) -> Reranker:
    """A server."""
    from memos.rerankers.http_bge import HTTPReranker

    return HTTPReranker(config)


def build_noop(_: NoopRerankerConfig, __: Settings | None) -> Reranker:
    """Nothing."""
    from memos.rerankers.noop import NoopReranker

    return NoopReranker()
