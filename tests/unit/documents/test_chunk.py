"""Chunks hold all of a text, in order, within the bound, and overlap as asked for."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos.configs.chunker import SentenceChunkerConfig
from memos.documents.chunk import MAX_CHUNK_CHARS, Chunk, SentenceChunker
from memos.documents.tokens import COUNTERS, CountTokens


def chunk(text: str, *, count: CountTokens | None = None, **config: int) -> list[Chunk]:
    given_config = SentenceChunkerConfig.model_validate({"chunk_size": 32, "chunk_overlap": 8, **config})
    return SentenceChunker(given_config, count or COUNTERS["word"]).chunk(text)


def sentences(number: int, *, words: int = 5) -> str:
    return " ".join(f"S{place} {'word ' * (words - 2)}end." for place in range(number))


_pieces = st.sampled_from(
    ["word ", "Dr. ", "End. ", "Why? ", "\n", "\n\n", "# Head\n", "## Sub\n", "- item\n", "1. One\n", "```\n", "。",
     "北京", "| a | b |\n", "x" * 300, "\t", "\u3000", "🙂"]
)  # fmt: skip
_texts = st.lists(_pieces, max_size=120).map("".join)
_configs = st.fixed_dictionaries(
    {
        "chunk_size": st.integers(32, 80),
        "chunk_overlap": st.integers(0, 31),
        "min_sentences_per_chunk": st.integers(1, 4),
    }
)


@settings(deadline=None)
@given(text=_texts, config=_configs, counter=st.sampled_from(sorted(COUNTERS)))
def test_chunks_hold_all_of_the_text_in_order_and_within_the_bound(
    text: str, config: dict[str, int], counter: str
) -> None:
    chunks = chunk(text, count=COUNTERS[counter], **config)
    covered = [False] * len(text)
    for number, found in enumerate(chunks):
        assert found.ordinal == number
        assert found.text == text[found.start : found.end] == found.text.strip() != ""
        assert found.token_count == COUNTERS[counter](found.text) <= config["chunk_size"]
        assert "".join("".join(found.sentences).split()) == "".join(found.text.split())
        covered[found.start : found.end] = [True] * (found.end - found.start)
    assert not any(letter.strip() and not there for letter, there in zip(text, covered, strict=True))
    assert all(one.start < two.start and one.end < two.end for one, two in pairwise(chunks))
    assert chunks == chunk(text, count=COUNTERS[counter], **config)


@settings(deadline=None)
@given(text=_texts, config=_configs, counter=st.sampled_from(sorted(COUNTERS)))
def test_neighbours_repeat_whole_sentences_and_no_more_than_was_asked_for(
    text: str, config: dict[str, int], counter: str
) -> None:
    chunks = chunk(text, count=COUNTERS[counter], **config)
    for before, after in pairwise(chunks):
        repeated = text[after.start : before.end].strip()
        assert COUNTERS[counter](repeated) <= config["chunk_overlap"]
        assert not repeated or any(before.sentences[-n:] == after.sentences[:n] for n in range(1, 40))


def test_a_chunk_takes_as_many_sentences_as_fit() -> None:
    assert [len(found.sentences) for found in chunk(sentences(12), chunk_overlap=0)] == [6, 6]
    assert [len(found.sentences) for found in chunk(sentences(12), chunk_size=40, chunk_overlap=0)] == [8, 4]


@pytest.mark.parametrize(("overlap", "repeated"), [(0, 0), (4, 0), (5, 1), (14, 2), (15, 3)])
def test_the_next_chunk_repeats_the_last_sentences_that_fit_into_the_overlap(overlap: int, repeated: int) -> None:
    first, second, *_ = chunk(sentences(12), chunk_overlap=overlap)
    assert second.sentences[:repeated] == first.sentences[len(first.sentences) - repeated :]
    assert second.sentences[repeated].startswith("S6 ")


def test_the_overlap_gives_way_to_a_sentence_that_needs_the_room() -> None:
    text = f"{sentences(6)} Long {'word ' * 28}end."
    first, second = chunk(text, chunk_overlap=15)
    assert len(first.sentences) == 6
    assert second.text.startswith("Long ")


def test_a_section_begins_a_chunk_and_knows_the_headings_above_it() -> None:
    text = "# Book\n\nIntro.\n\n## Leave\n\nThirty days.\n\n### Sick\n\nCall us.\n\n## Pay\n\nMonthly."
    assert [(found.headings, found.text) for found in chunk(text)] == [
        ((), "# Book\n\nIntro."),
        (("Book",), "## Leave\n\nThirty days."),
        (("Book", "Leave"), "### Sick\n\nCall us."),
        (("Book",), "## Pay\n\nMonthly."),
    ]


def test_what_follows_in_a_section_keeps_its_headings() -> None:
    found = chunk(f"# Book\n\n## Leave\n\n{sentences(12)}\n\n# Index\n\nEnd.", chunk_overlap=0)
    assert [part.headings for part in found] == [(), ("Book", "Leave"), ("Book", "Leave"), ()]


def test_short_sections_share_a_chunk_when_more_sentences_are_asked_for() -> None:
    text = "# A\n\nOne.\n\n# B\n\nTwo.\n\n# C\n\nThree."
    assert len(chunk(text)) == 3
    assert [found.text[:3] for found in chunk(text, min_sentences_per_chunk=2)] == ["# A", "# C"]


def test_a_heading_does_not_end_a_chunk() -> None:
    found = chunk(f"{sentences(6)}\n\n# Next\n\n{sentences(2)}", min_sentences_per_chunk=9, chunk_overlap=0)
    assert [part.text[:6] for part in found] == ["S0 wor", "# Next"]


def test_a_sentence_longer_than_a_chunk_is_cut_at_words() -> None:
    found = chunk("word " * 100, chunk_overlap=0)
    assert [part.token_count for part in found] == [32, 32, 32, 4]


def test_lines_without_full_stops_are_cut_at_their_ends() -> None:
    text = "\n".join(f"{place} names without a stop" for place in range(20))
    found = chunk(text, chunk_overlap=0)
    assert [part.text.split("\n")[0].split()[0] for part in found] == ["0", "6", "12", "18"]


def test_a_word_longer_than_a_chunk_is_cut_anywhere() -> None:
    found = chunk("x" * 100, count=len, chunk_overlap=0)
    assert "".join(part.text for part in found) == "x" * 100
    assert all(part.token_count <= 32 for part in found)


def test_what_a_tokenizer_takes_for_a_single_token_is_cut_all_the_same() -> None:
    found = chunk("x" * (MAX_CHUNK_CHARS * 3), count=lambda text: min(len(text.split()), 1))
    assert all(len(part.text) <= MAX_CHUNK_CHARS for part in found)
    assert len(found) > 1


def test_words_are_not_torn_from_their_abbreviation() -> None:
    text = "Dr. Kim is in. See p. 5 and e.g. No. 7. He left at 3.50 p.m. today."
    (found,) = chunk(text)
    assert found.sentences == ("Dr. Kim is in.", "See p. 5 and e.g. No. 7.", "He left at 3.50 p.m. today.")


def test_sentences_end_in_other_scripts_and_with_their_line_in_lists_tables_and_code() -> None:
    text = "你好。我住在北京！ कैसे हो। ठीक।\n- one\n2. Two. Three\n| a | b |\n```\nx = 1\ny = 2\n```\nplain\nlines"
    (found,) = chunk(text, chunk_size=64)
    assert found.sentences == (
        "你好。", "我住在北京！", "कैसे हो।", "ठीक।", "- one", "2. Two.", "Three", "| a | b |", "```",
        "x = 1", "y = 2", "```",
        "plain\nlines",
    )  # fmt: skip


def test_a_comment_in_code_is_no_heading() -> None:
    (found,) = chunk("```\n# not a heading\nx\n```\n\nText.")
    assert found.headings == ()
    assert "# not a heading" in found.sentences


def test_nothing_gives_no_chunk() -> None:
    assert chunk("") == chunk(" \n\n\t") == []


def test_ten_megabytes_are_cut_into_as_many_chunks_as_they_need() -> None:
    text = "The ship sails at dawn, and nobody knows where to it goes. " * 170_000
    found = chunk(text, chunk_size=480, chunk_overlap=0)
    assert (len(text), len(found)) == (10_030_000, 170_000 * 12 // 480)
    assert {part.token_count for part in found} == {480}
