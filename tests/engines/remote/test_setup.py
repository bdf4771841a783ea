from __future__ import annotations

from pathlib import Path

import pytest

from service.config import Settings, SettingsError
from service.engines.remote import setup

GOOD = {"remote_url": "http://llm:8000/v1/", "remote_model": "tiny"}


def test_settings_become_an_engine(tmp_path: Path) -> None:
    """Address, key and languages arrive; the key is in nothing that is shown."""
    key = tmp_path / "key"
    key.write_text("sekrit\n")
    made = setup.create(
        Settings(**GOOD, remote_key_file=key, remote_languages="de, EN fr", remote_rank=7, remote_licence="MIT")  # type: ignore[arg-type]
    )
    summary, translation = made.models()
    assert (summary.rank, summary.licence, summary.languages) == (7, "MIT", ("de", "en", "fr"))
    assert len(translation.sources) == len(translation.targets) == 3
    assert made._server.url == "http://llm:8000"  # type: ignore[attr-defined]
    assert made._server.key == "sekrit"  # type: ignore[attr-defined]
    assert "sekrit" not in repr(made.models()) + repr(made._server)  # type: ignore[attr-defined]
    made.close()


def test_every_language_at_a_word() -> None:
    """A star stands for any language in summaries and for every pair of the table in translations."""
    made = setup.create(Settings(**GOOD, remote_languages="*", remote_key_file=Path()))  # type: ignore[arg-type]
    summary, translation = made.models()
    assert summary.languages == ("*",)
    assert len(translation.sources) > 70
    made.close()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"remote_url": ""}, "PRECIS_REMOTE_URL"),
        ({"remote_url": "llm:8000"}, "PRECIS_REMOTE_URL"),
        ({"remote_url": "file:///etc/passwd"}, "PRECIS_REMOTE_URL"),
        ({"remote_url": "http://llm:port"}, "PRECIS_REMOTE_URL"),
        ({"remote_url": "http://ann:sekrit@llm"}, "PRECIS_REMOTE_KEY_FILE"),
        ({"remote_model": " "}, "PRECIS_REMOTE_MODEL"),
        ({"remote_languages": "en klingon"}, "PRECIS_REMOTE_LANGUAGES"),
        ({"remote_languages": " "}, "PRECIS_REMOTE_LANGUAGES"),
        ({"remote_extra_json": "{"}, "PRECIS_REMOTE_EXTRA_JSON"),
        ({"remote_extra_json": "[1]"}, "PRECIS_REMOTE_EXTRA_JSON"),
        ({"remote_extra_json": '{"stream": false}'}, "PRECIS_REMOTE_EXTRA_JSON"),
        ({"remote_key_file": "/nowhere/key"}, "PRECIS_REMOTE_KEY_FILE"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(changes: dict[str, str], name: str) -> None:
    """The service refuses to start and says which setting it is, without its secrets."""
    with pytest.raises(SettingsError, match=name) as raised:
        setup.create(Settings(**{**GOOD, **changes}))  # type: ignore[arg-type]
    assert "sekrit" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe", b"a\nb", b"x" * 9000])
def test_a_file_that_is_no_key_is_refused(content: bytes, tmp_path: Path) -> None:
    """A wrong file is noticed at the start, and its content is not shown."""
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="PRECIS_REMOTE_KEY_FILE") as raised:
        setup.create(Settings(**GOOD, remote_key_file=file))  # type: ignore[arg-type]
    assert "two words" not in str(raised.value)


def test_without_its_library_the_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded profile does not carry httpx; asking for the engine there names what is missing."""
    monkeypatch.setattr(setup, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match="httpx"):
        setup.create(Settings(**GOOD))  # type: ignore[arg-type]
