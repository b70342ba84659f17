"""A memory in the words of the page."""

from memos.ids import MessageId
from memos.types import Message, Role
from memos.view.card import Mention, Said, build_cards, shorten
from memos.view.standing import Standing
from tests.support.sample_graph import ARABIC, MARKUP, SAID_MS, memory, take_snapshot


def test_the_newest_comes_first_and_has_number_one() -> None:
    cards = build_cards(take_snapshot())
    assert [(card.number, card.text) for card in cards][:2] == [(1, ARABIC), (2, MARKUP)]


def test_a_card_tells_kind_standing_times_and_sources() -> None:
    porto = build_cards(take_snapshot())[-1]
    assert (porto.memory_type, porto.category, porto.standing) == ("LongTermMemory", "fact", Standing.PAST)
    assert (porto.said_at, porto.valid_at, porto.invalid_at) == ("2023-11-14 22:13 UTC", "", "2023-11-15 22:13 UTC")
    assert porto.sources == (Said(speaker="Ana", at="2023-11-14 22:13 UTC", text="I am from Porto."),)


def test_relations_are_told_from_both_ends() -> None:
    cards = {card.id: card for card in build_cards(take_snapshot())}
    assert Mention(relation="SUPERSEDES", out=True, number=6, text="Ana lived in Porto.") in cards["m1"].mentions
    assert Mention(relation="SUPERSEDES", out=False, number=5, text="Ana lives in Lisbon.") in cards["m0"].mentions


def test_long_and_many_messages_are_bounded() -> None:
    said = [
        Message(id=MessageId(f"q{n}"), role=Role.USER, text="word " * 500, speaker="Ana", said_at_ms=SAID_MS + n)
        for n in range(13)
    ]
    built = memory(0, "Much was said.", source_ids=tuple(message.id for message in said))
    (card,) = build_cards(take_snapshot(memories=[built], messages=said, edges=()))
    assert (len(card.sources), card.more_sources) == (10, 3)
    assert {len(source.text) for source in card.sources} == {500}


def test_a_text_is_cut_also_where_it_has_no_spaces() -> None:
    assert shorten("東京" * 10, 5) == "東京東京…"
    assert shorten("two\n  words", 9) == "two words"
