"""Names that are not the name of a town, though ``I moved to ...`` and ``I live in ...`` take them. Pure.

Whoever lives in Germany may live in Berlin as well, so that what is larger than a town is a subject of its own; whoever
moved to Linux lives where he lived.
"""

import re
from typing import Final

_LARGER: Final = """
Africa America Asia Australia Europe Scandinavia
Afghanistan Albania Algeria Angola Argentina Armenia Austria Azerbaijan Bahrain Bangladesh Belarus Belgium Bolivia
Bosnia Botswana Brazil Britain Bulgaria Cambodia Cameroon Canada Chile China Colombia Croatia Cuba Cyprus Czechia
Denmark Ecuador Egypt England Eritrea Estonia Ethiopia Finland France Georgia Germany Ghana Greece Guatemala Haiti
Holland Honduras Hungary Iceland India Indonesia Iran Iraq Ireland Israel Italy Jamaica Japan Jordan Kazakhstan Kenya
Kosovo Kuwait Laos Latvia Lebanon Libya Lithuania Luxembourg Madagascar Malaysia Malta Mexico Moldova Mongolia
Montenegro Morocco Mozambique Myanmar Namibia Nepal Netherlands Nicaragua Nigeria Norway Oman Pakistan Panama Paraguay
Peru Philippines Poland Portugal Qatar Romania Russia Rwanda Scotland Senegal Serbia Singapore Slovakia Slovenia Somalia
Spain Sudan Sweden Switzerland Syria Taiwan Tanzania Thailand Tunisia Turkey UAE Uganda UK Ukraine Uruguay US USA
Uzbekistan Venezuela Vietnam Wales Yemen Zambia Zimbabwe
Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Hawaii Idaho Illinois Indiana Iowa
Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana Nebraska Nevada
Ohio Oklahoma Oregon Pennsylvania Tennessee Texas Utah Vermont Virginia Wisconsin Wyoming
Bavaria Catalonia Tuscany Provence Brittany Normandy Andalusia Sicily Queensland Ontario Quebec Yorkshire Cornwall
"""
_LARGER_PAIRS: Final = frozenset(
    ("united states", "united kingdom", "new zealand", "south africa", "south korea", "north korea", "saudi arabia",
     "sri lanka", "costa rica", "el salvador", "czech republic", "ivory coast", "puerto rico", "hong kong",
     "dominican republic", "united arab emirates", "new jersey", "new mexico", "new hampshire", "north carolina",
     "south carolina", "north dakota", "south dakota", "west virginia", "rhode island", "british columbia",
     "latin america", "south america", "north america", "central america", "great britain", "northern ireland")
)  # fmt: skip
_LARGER_NAMES: Final = frozenset(_LARGER.casefold().split()) | _LARGER_PAIRS

_NO_PLACE: Final = re.compile(
    r"\b(?:linux|ubuntu|debian|fedora|arch|windows|mac|macos|android|ios|iphone|pixel|chrome|firefox|safari|google|apple"
    r"|amazon|aws|azure|gcp|microsoft|meta|facebook|netflix|slack|teams|zoom|notion|obsidian|gmail|outlook|github"
    r"|gitlab|python|rust|java|javascript|typescript|go|golang|kotlin|swift|postgres\w*|mysql|mongodb|redis|kubernetes"
    r"|docker|vim|neovim|emacs|spotify|telegram|signal|whatsapp|kindle|netflix|plan|phase|step|level|chapter|team"
    r"|marketing|sales|engineering|finance|operations|product|design|research|management|hr|it|phd|department)\b",
    re.IGNORECASE,
)


def is_larger_than_town(name: str) -> bool:
    """Whether a place is a country, one of its parts, or a continent."""
    return name.casefold() in _LARGER_NAMES


def is_no_place(name: str) -> bool:
    """Whether one may move to it without moving house."""
    return _NO_PLACE.search(name) is not None
