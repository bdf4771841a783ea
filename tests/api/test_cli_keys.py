"""`precis keys`: what it prints works, and what it must not print it does not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from service import cli
from service.api import keys
from tests.api.callers import KEY, OTHER, table


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sends `KEY` to standard input."""
    monkeypatch.setattr("sys.stdin", io.StringIO(KEY + "\n"))


def test_a_new_key_fits_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The table on standard output goes into the file as it is; the key is on standard error alone."""
    assert cli.main(["keys", "new", "news"]) == 0
    told = capsys.readouterr()
    key = told.err.split()[-1]
    assert key not in told.out
    found = keys.parse(told.out.encode()).find(key)
    assert found is not None
    assert found.id == "news"


@pytest.mark.parametrize("name", ["a b", "", "anonymous", "default", "x" * 65])
def test_a_name_that_cannot_be_used_makes_no_key(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong name is told before a key is."""
    assert cli.main(["keys", "new", name]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "precis_" not in told.err


def test_a_key_is_hashed_from_standard_input(stdin: None, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is the line of the file."""
    assert cli.main(["keys", "hash"]) == 0
    assert capsys.readouterr().out == f'hash = "{keys.hash_line(KEY)}"\n'


def test_a_word_is_not_hashed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What could be guessed is refused with the way to a good key."""
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    assert cli.main(["keys", "hash"]) == 1
    assert "precis keys new" in capsys.readouterr().err


def test_a_file_is_checked_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key with its limits, without hashes; a wrong file is named with what is wrong."""
    file = tmp_path / "keys.toml"
    file.write_text(
        table("news", more='requests_per_minute = 5\nscopes = ["detect"]')
        + table("old", OTHER, "expires = 2020-01-01")
        + "[anonymous]\n"
    )
    monkeypatch.setenv("PRECIS_KEYS_FILE", str(file))
    assert cli.main(["keys", "check"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["news", "requests_per_minute=5", "scopes=detect"]
    assert told[1].split() == ["old", "EXPIRED=2020-01-01T00:00:00+00:00"]
    assert told[2].split() == ["anonymous", "without", "limits"]
    file.write_text("[news]\n")
    assert cli.main(["keys", "check", str(file)]) == 1
    assert "[news] hash" in capsys.readouterr().err


def test_a_check_tells_whose_a_key_is(tmp_path: Path, stdin: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The owner of a key read from standard input is named, and the key is not."""
    file = tmp_path / "keys.toml"
    file.write_text(table("news"))
    assert cli.main(["keys", "check", str(file), "--key"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("news")
    assert KEY not in told


def test_a_check_of_nothing_asks_for_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file there is nothing to check."""
    assert cli.main(["keys", "check"]) == 2
    assert "PRECIS_KEYS_FILE" in capsys.readouterr().err
