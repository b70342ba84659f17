"""Greetings, farewells and thanks in other languages than English: they state nothing."""

import re
from typing import Final

# A greeting may call one name.
_GREETINGS: Final = (
    "hallo|guten (?:morgen|tag|abend)|gute nacht|tschüss|auf wiedersehen"
    "|bonjour|bonsoir|salut|bonne (?:nuit|journée)|au revoir|à bientôt"
    "|hola|buen(?:os días|as tardes|as noches)|adiós|hasta (?:luego|mañana)"
    "|olá|oi|bom dia|boa (?:tarde|noite)|tchau|até (?:logo|amanhã)"
    "|ciao|buongiorno|buonasera|buonanotte|arrivederci|a presto"
    "|привет|здравствуйте|доброе утро|добрый (?:день|вечер)|до свидания"
    "|مرحبا|السلام عليكم|صباح الخير|مساء الخير|مع السلامة|שלום|בוקר טוב|ערב טוב|להתראות"
    "|你好|您好|大家好|早上好|晚上好|晚安|再见|再見|こんにちは|こんばんは|おはよう(?:ございます)?|おやすみ(?:なさい)?|さようなら"
    "|안녕(?:하세요)?|안녕히 (?:가세요|계세요)|สวัสดี(?:ค่ะ|ครับ)?|ลาก่อน"
)
# Thanks may say what for, as long as they stay one clause; "gracias a" is "because of".
_THANKS: Final = (
    "(?:vielen|herzlichen) dank|danke|merci|(?:muchas )?gracias|(?:muito )?obrigad[oa]|grazie|(?:большое )?спасибо"
    "|شكرا|شكراً|תודה|谢谢|謝謝|多谢|ありがとう|감사합니다|고마워|ขอบคุณ"
)
_END: Final = r"[\s!.…,~。！、]*"
_COURTESY: Final = re.compile(
    rf"(?:{_GREETINGS})(?:[ ,，、]+\w+)?{_END}|(?:{_THANKS})(?![-'’]| al? )[^,;:，、；]{{0,40}}{_END}", re.IGNORECASE
)


def is_courtesy(sentence: str) -> bool:
    """Whether a sentence is one of them and nothing else: ``Vielen Dank für deine Hilfe!``"""
    return _COURTESY.fullmatch(sentence) is not None
