"""From a path to what ``MOS.add`` hands over: the whole way of a document but for the store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from memos.configs.chunker import ChunkerConfigFactory, SentenceChunkerConfig
from memos.documents.convert import load_document
from memos.documents.factory import ChunkerFactory
from memos.documents.limits import DocumentLimits
from memos.documents.listing import list_documents
from memos.documents.messages import DocumentBatch, as_batches
from memos.settings import Settings

# The packaged embedder sees nothing behind its 256th token; 150 words of ordinary English are some 200.
DEFAULT_CHUNKER: Final = ChunkerConfigFactory(
    backend="sentence", config=SentenceChunkerConfig(chunk_size=150, chunk_overlap=25)
)
_LIMITS: Final = DocumentLimits()


def load_batches(
    path: str | Path,
    *,
    root: Path,
    chunker: ChunkerConfigFactory = DEFAULT_CHUNKER,
    limits: DocumentLimits = _LIMITS,
    settings: Settings | None = None,
) -> Iterator[DocumentBatch]:
    """The jobs of a document, or of every document of a directory, one document in memory at a time.

    Raises what ``list_documents``, ``load_document`` and ``ChunkerFactory`` raise, for a document of a directory
    when its turn comes. ``settings`` say where the chunker's model is; without them, the environment does.
    """
    cutter = ChunkerFactory.from_config(chunker, settings=settings)
    for name in list_documents(path, root=root):
        document = load_document(name, root=root, limits=limits)
        yield from as_batches(document, cutter.chunk(document.text), chunker)
