"""How texts are grouped: for a model whose cost grows with the padded length, and for a provider's requests. Pure."""

from collections.abc import Iterator, Sequence


def build_batches(lengths: Sequence[int], *, padded_tokens: int) -> Iterator[list[int]]:
    """Positions of ``lengths`` grouped by similar length, longest first.

    A group's size times its longest length is at most ``padded_tokens``, unless one text alone is longer.
    """
    order = sorted(range(len(lengths)), key=lambda position: (-lengths[position], position))
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        size = max(1, padded_tokens // longest)
        yield order[start : start + size]
        start += size


def split_requests(texts: Sequence[str], *, size: int, chars: int) -> Iterator[Sequence[str]]:
    """``texts`` in order, in runs of at most ``size`` and at most ``chars`` characters, unless one alone is longer."""
    start, held = 0, 0
    for position, text in enumerate(texts):
        if position > start and (position - start == size or held + len(text) > chars):
            yield texts[start:position]
            start, held = position, 0
        held += len(text)
    if start < len(texts):
        yield texts[start:]
