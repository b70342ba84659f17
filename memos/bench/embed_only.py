"""The embedder alone, the limit of any ingestion: ``python -m memos.bench.embed_only MODEL``"""

import sys
import time
from itertools import islice

from memos.bench.sentences import sentences
from memos.settings import Settings
from memos.wiring import open_embedder

_TEXTS = 2_000
_BATCH = 200


def measure(model: str) -> float:
    """Sentences a second, in batches as large as a worker's, after a first one that is not counted."""
    embedder = open_embedder(Settings(embedder_model=model))
    texts = list(islice(sentences(), _TEXTS + _BATCH))
    embedder.embed(texts[:_BATCH])
    started = time.perf_counter()
    for start in range(_BATCH, len(texts), _BATCH):
        embedder.embed(texts[start : start + _BATCH])
    return _TEXTS / (time.perf_counter() - started)


if __name__ == "__main__":
    sys.stdout.write(f"{measure(sys.argv[1]):.1f}\n")
