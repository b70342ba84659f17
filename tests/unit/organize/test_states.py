"""Which statements say what somebody is now, when one can be only one such thing."""

import pytest

from memos.organize.states import State, find_state, find_topic, is_same_value


@pytest.mark.parametrize(
    ("text", "topic", "value"),
    [
        ("I live in Rome.", "home", "rome"),
        ("Ana said: Actually I moved to Turin last week (week of 3 March 2025).", "home", "turin"),
        ("I've just moved back from Italy to São Paulo.", "home", "são paulo"),
        ("We're based in New York City now.", "home", "new york city"),
        ("Ana lives in Lisbon.", "home", "lisbon"),
        ("The user lives in Lisbon.", "home", "lisbon"),
        ("I live in Germany.", "home", "germany"),
        ("Ben moved to Oslo with his family.", "ben home", "oslo"),
        ("My younger sister lives in Oslo.", "younger sister home", "oslo"),
        ("My sister works at Bosch.", "sister employer", "bosch"),
        ("I'm working for the BBC.", "employer", "bbc"),
        ("I got a new job at Bosch yesterday.", "employer", "bosch"),
        ("I work as a nurse now.", "occupation", "nurse"),
        ("I turned 35 yesterday (3 March 2025).", "age", "35"),
        ("My wife is 41 years old.", "wife age", "41"),
        ("I'm vegan now.", "diet", "vegan"),
        ("I got divorced last year.", "marriage", "divorced"),
        ("I'm married to Tom.", "marriage", "married"),
        ("I drive a Volvo V60.", "car", "volvo v60"),
        ("My new car is a Fiat.", "car", "fiat"),
        ("My name is Ana Silva.", "name", "ana silva"),
        ("My birthday is on the 6th of May 1990.", "birthday", "6 may 1990"),
        ("My phone number is +39 123 4567.", "phone number", "+39 123 4567"),
        ("My e-mail is ana@example.org.", "e-mail", "ana@example.org"),
        ("My new phone is a Pixel 9.", "phone", "pixel 9"),
        ("My favorite film is now The Third Man.", "favourite film", "third man"),
    ],
)
def test_a_plain_statement_is_a_state(text: str, topic: str, value: str) -> None:
    state = find_state("Ana", text)
    assert state is not None
    assert (state.topic, state.value, state.denied) == (topic, value, False)
    assert find_topic("Ana", text) == topic


@pytest.mark.parametrize(
    "text", ["I don't live in Rome anymore.", "I no longer live in Rome.", "I do not live in Rome."]
)
def test_a_denial_is_the_state_that_it_denies(text: str) -> None:
    assert find_state("Ana", text) == State(topic="home", kind="town", value="rome", denied=True)


@pytest.mark.parametrize(
    "text",
    [
        "Do I live in Rome?",
        "I live in Rome, did I tell you?",
        "I would live in Rome.",
        "I want to move, maybe I moved to Rome.",
        "I lived in Rome.",
        "When I was six I moved to Rome.",
        "I moved to Rome when I was six.",
        "I moved to Boston for college.",
        "I moved to Rome for two years.",
        "I live in Rome until June.",
        "I live in Rome and Paris.",
        "I also work at Bosch.",
        "I work at Bosch part-time.",
        "I moved to Linux last year.",
        "I moved to the marketing team.",
        "I live in a small flat.",
        "She lives in Rome.",
        "Everyone lives in Rome.",
        "My friend lives in Rome.",
        "I said that I live in Rome.",
        "I'm 34 weeks pregnant.",
        "I'm 5 minutes late.",
        "I'm engaged in local politics.",
        "My favourite part is the end.",
        "My favourite treat is this tart.",
        "One of my favourite films is Alien.",
        "I went on a trip to Rome.",
        "My dog is called Rex.",
        "I speak Italian.",
        "I'm allergic to nuts.",
        "It was cold. I live in Rome.",
        'Ana, asked "Where do you live?", said: Rome.',
        "",
    ],
)
def test_what_is_doubted_past_passing_or_one_of_several_is_none(text: str) -> None:
    assert find_state("Ana", text) is None


def test_a_town_and_a_country_are_of_two_kinds() -> None:
    kinds = [state.kind for place in ("Berlin", "Germany") if (state := find_state("", f"I live in {place}."))]
    assert kinds == ["town", "country"]


@pytest.mark.parametrize("text", ["i live in rome", "“I live in Rome!”", "I LIVE IN ROME", "I don't live in Rome."])
def test_a_topic_is_found_in_any_case(text: str) -> None:
    assert find_topic("Ana", text) == "home"


@pytest.mark.parametrize("text", ["I live in Rome and Paris.", "i live in fear", "I moved to Linux."])
def test_a_topic_alone_is_no_state(text: str) -> None:
    assert find_topic("Ana", text) == "home"
    assert find_state("Ana", text) is None


def test_another_speakers_name_before_the_words_is_not_taken_off() -> None:
    assert find_state("Ana", "Ben said: I live in Rome.") is None


def test_a_value_is_the_same_when_one_says_no_more_than_the_other() -> None:
    assert is_same_value("new york", "new york city")
    assert is_same_value("5 may 1990", "may 5")
    assert not is_same_value("new york", "york minster")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Big news: I have moved to Porto!", "porto"),
        ("We left the coast; I am settled in Faro now.", "faro"),
        ("The flat was tiny, so we moved to Faro.", "faro"),
        ("I like Porto but I live in Faro.", "faro"),
        ("News – I moved to Faro.", "faro"),
    ],
)
def test_a_state_may_be_told_in_a_later_clause(text: str, value: str) -> None:
    state = find_state("Ana", f"Ana said: {text}")
    assert state is not None
    assert (state.topic, state.value) == ("home", value)


@pytest.mark.parametrize("text", ["Ben: I live in Rome.", "Ben told me yesterday: I live in Rome."])
def test_somebody_elses_words_are_no_state(text: str) -> None:
    assert find_state("Ana", f"Ana said: {text}") is None
