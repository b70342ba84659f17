"""What counts as a token."""

import json
from pathlib import Path

import pytest

from memos.configs.chunker import ChunkerConfigFactory, SentenceChunkerConfig
from memos.documents.factory import ChunkerFactory
from memos.documents.tokens import count_words, load_counter
from memos.errors import InvalidConfig
from memos.settings import Settings


@pytest.mark.parametrize(
    ("text", "words"),
    [("", 0), (" \n", 0), ("one two-three, four.", 3), ("我住在北京。", 6), ("我 live 在 北京", 4 + 1)],
)
def test_words_are_counted_and_every_letter_where_words_have_no_spaces(text: str, words: int) -> None:
    assert count_words(text) == words


def test_the_counter_of_that_name_counts() -> None:
    assert load_counter("character")("two words") == 9
    assert load_counter("word")("two words") == 2


@pytest.fixture
def aliases(tmp_path: Path) -> Settings:
    """A site where "mine" is a model with a tokenizer that knows three words, and cuts and fills what it is given."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "ship": 1, "sail": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Punctuation()  # pyright: ignore
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=10, pad_token="[UNK]")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    tokenizer.save(str(tmp_path / "model" / "tokenizer.json"))
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    (tmp_path / "aliases.json").write_text(json.dumps({"mine": "model", "bare": "bare"}))
    return Settings(model_aliases=tmp_path / "aliases.json", data_dir=tmp_path)


def test_a_model_counts_the_tokens_of_its_own_tokenizer_uncut_and_unfilled(aliases: Settings) -> None:
    counter = load_counter("mine", aliases)
    assert [counter("ship.sail.ship"), counter("ship"), counter("")] == [5, 1, 0]


@pytest.mark.models
def test_the_packaged_embedder_counts_without_its_special_tokens() -> None:
    assert load_counter("all-minilm-l6-v2")("The quick brown fox.") == 5


def test_a_model_without_a_tokenizer_says_so(aliases: Settings) -> None:
    with pytest.raises(InvalidConfig, match=r"'bare': the model has no tokenizer.json"):
        load_counter("bare", aliases)


@pytest.mark.parametrize("name", ["/no/such/model", "not a name"])
def test_a_name_that_is_neither_counter_nor_model_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"tokenizer_or_token_counter .* no counter \(character, word\)"):
        load_counter(name, Settings(data_dir=tmp_path))


def test_the_factory_makes_the_chunker_that_the_configuration_describes(aliases: Settings) -> None:
    def cut(**config: object) -> list[str]:
        described = ChunkerConfigFactory(backend="sentence", config={"chunk_size": 32, "chunk_overlap": 0, **config})
        return [found.text for found in ChunkerFactory.from_config(described, settings=aliases).chunk(text)]

    text = "ship.sail. " * 20
    assert len(cut()) == 1
    assert len(cut(tokenizer_or_token_counter="character")) == 7
    assert len(cut(tokenizer_or_token_counter="mine")) == 3


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"backend": "markdown", "config": {}}, "unknown backend 'markdown'; known: sentence"),
        ({"backend": "sentence", "config": {"chunk_size": 31}}, "chunk_size"),
        ({"backend": "sentence", "config": {"chunk_size": 128}}, "chunk_overlap is 128; it must be below chunk_size"),
        ({"backend": "sentence", "config": {"chunk_overlap": -1}}, "chunk_overlap"),
        ({"backend": "sentence", "config": {"min_sentences_per_chunk": 0}}, "min_sentences_per_chunk"),
        ({"backend": "sentence", "config": {"size": 1}}, "known fields: chunk_overlap, chunk_size"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(config: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        ChunkerConfigFactory(**config)


def test_a_configuration_as_memos_writes_it_is_taken() -> None:
    config = {
        "tokenizer_or_token_counter": "gpt2",
        "chunk_size": 512,
        "chunk_overlap": 128,
        "min_sentences_per_chunk": 1,
    }
    found = ChunkerConfigFactory(backend="sentence", config=config).config
    assert found == SentenceChunkerConfig(tokenizer_or_token_counter="gpt2")
