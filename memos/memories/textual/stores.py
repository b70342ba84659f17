"""The three things that textual memory stands on, opened together and closed together."""

from dataclasses import dataclass

from memos.embedders.base import Embedder
from memos.graph_dbs.base import GraphStore
from memos.vec_dbs.base import VecIndex


@dataclass(frozen=True, kw_only=True, slots=True)
class TextStores:
    """Graph (truth), index (rebuildable) and embedder of one process. Shared by threads."""

    graph: GraphStore
    index: VecIndex
    embedder: Embedder

    def ensure(self) -> None:
        """Make what is missing. Raises Unavailable, or InvalidConfig when the embedder does not fit the collection."""
        self.graph.ensure_schema()
        self.index.ping()  # before a model is loaded: a server that is away is told of at once
        self.index.ensure(dimension=self.embedder.dimension, model=self.embedder.model)

    def close(self) -> None:
        """Close both connections."""
        self.index.close()
        self.graph.close()
