"""Names that sound alike however they are written."""

from __future__ import annotations

import pytest

from service.pipeline.faithfulness.romanization import romanize
from service.pipeline.faithfulness.sounds import SoundIndex


@pytest.mark.parametrize(
    ("word", "latin"),
    [
        ("Щедрин", "shedrin"),
        ("Παπαδοπούλου", "papadopoiloi"),
        ("Գրիգորյան", "grigoryan"),
        ("გიორგი", "giorgi"),
        ("שמואל", "shmwal"),
        ("كريم", "krym"),
        ("रमेश", "rmesh"),
        ("কলকাতা", "klkata"),
        ("서울", "seoul"),
        ("トヨタ", "toyota"),
        ("とうきょう", "toukiyou"),
        ("ሰላም", "selami"),
        ("Łukasz Çelik", "lukasz selik"),
        ("東京", ""),
    ],
)
def test_letters_of_other_scripts(word: str, latin: str) -> None:
    """Each script is written in plain Latin letters, roughly as it sounds; where that cannot be, nothing is."""
    assert romanize(word) == latin


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Feldmann", "Фельдманом"),
        ("Wilson", "ويلسون"),
        ("Karelin", "Καρέλιν"),
        ("Chruschtschow", "Khrushchev"),
        ("Washington", "Вашингтон"),
        ("Washington", "واشنطن"),
        ("Charles", "Чарльз"),
        ("Michel", "Мишель"),
        ("Trump", "トランプ"),
        ("Johnson", "존슨"),
        ("Zhou", "Чжоу"),
        ("Brahms", "ब्राह्म्स"),
    ],
)
def test_the_same_name(one: str, other: str) -> None:
    """A name is recognised in another script, in both directions."""
    assert SoundIndex([one]).has(other)
    assert SoundIndex([other]).has(one)


@pytest.mark.parametrize(
    ("one", "other"), [("Feldmann", "Карелин"), ("Wilson", "Marek"), ("Li", "Weller"), ("Anna", "Bert"), ("", "Anna")]
)
def test_another_name(one: str, other: str) -> None:
    """Names with other consonants are not taken for one another."""
    assert not SoundIndex([one]).has(other)
    assert not SoundIndex([]).has(other)
