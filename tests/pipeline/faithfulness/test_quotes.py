"""Which quotations of an output its source has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.pipeline.faithfulness.quotes import MOST_QUOTES, QuoteIndex, quotations

SOURCE = 'The mayor said: "We will open the harbour in spring, whatever the weather." Nobody else spoke.'


def doubted(output: str, source: str = SOURCE, *, same: bool = True) -> list[str]:
    """The doubted quotations, each where it says it is."""
    found = QuoteIndex(source).unsupported(output, same=same)
    assert all(output[item.start : item.end] == item.text and item.kind == "quote" for item in found)
    return [item.text for item in found]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('He said "yes" and “no”.', ["yes", "no"]),
        ("Sie sagte „ja“ und »nein«.", ["ja", "nein"]),
        ("Il a dit « oui ».", [" oui "]),
        ("彼は「はい」と『いいえ』と言った。", ["はい", "いいえ"]),
        ("It's the dogs' 'best day' of the year.", []),
        ("He said ‘it’s over’ again.", ["it’s over"]),
        ('An inch is written ".', []),
        ("He said ''yes'' again.", ["yes"]),
    ],
)
def test_quotations_are_found(text: str, quoted: list[str]) -> None:
    """Marks of many languages are paired, apostrophes and lone marks are not."""
    found = [text[span.start : span.end].strip("'") for span in quotations(text)]
    assert [one for one in found if one.strip(" '`")] == quoted or not quoted


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ('"We will open the harbour in spring," the mayor said.', []),
        ("“we will open the Harbour in spring”, said the mayor", []),
        ('It opens "whatever the weather".', []),
        ('"We will open the harbour … whatever the weather."', []),
        ('"We will [soon] open the harbour in spring."', []),
        ('"We will close the old market in autumn," he said.', ["We will close the old market in autumn,"]),
        ('It is a "harbour" for all.', []),
        ('It is a "scandal" for all.', ["scandal"]),
    ],
)
def test_quotations_of_the_same_language(output: str, found: list[str]) -> None:
    """A quotation stands word for word in the source but for parts left out or in brackets; a term anywhere."""
    assert doubted(output) == found


def test_a_quotation_of_two_sentences_that_never_met_is_doubted() -> None:
    """A mark torn from its sentence makes a quotation with the next one."""
    source = (
        'One said: "We begin today." Much later in the evening, when hardly anybody was left in the cold hall, another '
        'said: "They will not come."'
    )
    assert doubted('"We begin today. They will not come."', source) == ["We begin today. They will not come."]


def test_quotations_of_another_language() -> None:
    """A translation may quote when its source quotes anybody, and is doubted when it does not."""
    assert doubted("« Nous ouvrirons le port au printemps. »", same=False) == []
    plain = "The mayor will open the harbour in spring."
    assert doubted("« Nous ouvrirons le port au printemps. »", plain, same=False) == [
        " Nous ouvrirons le port au printemps. "
    ]
    assert doubted("Le « port » ouvrira.", plain, same=False) == []


def test_scripts_without_blanks() -> None:
    """Quotations in Chinese and Japanese are compared by characters; titles in book marks are left alone."""
    source = "市长表示：“我们将在春天开放港口。”"
    assert doubted("市长说：“我们将在春天开放港口”。", source) == []
    assert doubted("市长说：“我们将关闭所有的旧市场”。", source) == ["我们将关闭所有的旧市场"]
    assert doubted("他读了《关闭所有的旧市场》。", source) == []


@given(st.text(st.sampled_from(list("ab „“”\"'«»‘’「」.\n…[]éж中")), max_size=120))
@settings(max_examples=150, deadline=None)
def test_a_text_has_its_own_quotations(text: str) -> None:
    """Nothing of a text is doubted against itself, and every place is exact."""
    assert doubted(text, text) == []
    assert doubted(text, "x", same=False) is not None


def test_the_number_looked_at_is_bounded() -> None:
    """A text of nothing but quotations ends in time."""
    output = '"one two three four" ' * 5000
    assert len(doubted(output)) == MOST_QUOTES
