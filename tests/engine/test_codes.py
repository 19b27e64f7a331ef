"""Every code says in a sentence what it means."""

import pytest

from paper_trading.engine.code_notes import NOTES, Origin
from paper_trading.engine.codes import TEXTS, Code


@pytest.mark.parametrize("code", Code)
def test_a_code_has_one_sentence_a_note_and_an_origin(code: Code) -> None:
    assert code.text == TEXTS[code]
    assert code.text[0].isupper()
    assert code.text.endswith(".")
    origins, advice = NOTES[code]
    assert origins
    assert set(origins) <= set(Origin)
    assert advice


def test_no_two_codes_say_the_same() -> None:
    assert len(set(TEXTS.values())) == len(Code)
