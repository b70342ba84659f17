"""Statements of the kind that people make about themselves: distinct, plain, reproducible."""

from collections.abc import Iterator
from random import Random
from typing import Final

_NAMES: Final = ("Ana", "Ben", "Chidi", "Dora", "Emre", "Farah", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena")
_CITIES: Final = ("Lisbon", "Oslo", "Quito", "Seoul", "Tunis", "Vienna", "Accra", "Porto", "Kyoto", "Riga")
_THINGS: Final = ("a green kayak", "two cats", "an old piano", "a pottery wheel", "a telescope", "a red bicycle")
_JOBS: Final = ("nurse", "carpenter", "data analyst", "violin teacher", "baker", "translator", "surveyor")
_SUBJECTS: Final = ("chess", "Norwegian", "welding", "watercolour", "bread baking", "sailing", "statistics")
_FORMS: Final = (
    "My sister {name} moved to {city} in {year} and bought {thing}.",
    "I work as a {job} in {city} and commute for {number} minutes every day.",
    "{name} and I study {subject} together on the {number}th of each month.",
    "I sold {thing} to {name} for {number} euros before I left {city}.",
    "My plan is to learn {subject} from {name}, who is a {job} in {city}.",
)


def sentences(seed: int = 1) -> Iterator[str]:
    """An endless stream of statements; the same for one seed."""
    random = Random(seed)
    while True:
        yield random.choice(_FORMS).format(
            name=random.choice(_NAMES),
            city=random.choice(_CITIES),
            thing=random.choice(_THINGS),
            job=random.choice(_JOBS),
            subject=random.choice(_SUBJECTS),
            year=random.randint(1990, 2025),
            number=random.randint(3, 99),
        )
