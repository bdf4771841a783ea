"""Files of keys: what is read, what is refused, and what a look-up tells."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from service.api import keys
from service.api.keys import KeyRing, Keys, KeysError, Limits

KEY = "precis_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cE3gI5kM7o"
OTHER = KEY[::-1]


def table(name: str, key: str = KEY, more: str = "") -> str:
    """One key as the file has it."""
    return f'[{name}]\nhash = "{keys.hash_line(key)}"\n{more}\n'


def test_a_key_is_found_by_itself_alone() -> None:
    """The key of a table leads to its name and limits; nothing else does, its hash included."""
    found = keys.parse(table("news", more="requests_per_minute = 7").encode())
    key = found.find(KEY)
    assert key is not None
    assert (key.id, key.limits) == ("news", Limits(requests_per_minute=7))
    for wrong in ("", KEY[:-1], KEY + "x", KEY.upper(), "x" * 10_000, keys.hash_line(KEY), "ü" * 30, "\udcff" * 30):
        assert found.find(wrong) is None


def test_new_keys_are_random_and_usable() -> None:
    """Each new key differs, may travel in a header, and is accepted by its own hash."""
    made = {keys.new_key() for _ in range(50)}
    assert len(made) == 50
    for key in made:
        assert re.fullmatch(r"precis_[A-Za-z0-9_-]{40}", key)
        assert keys.parse(table("a", key).encode()).find(key)


@pytest.mark.parametrize("word", ["", "secret", "a" * 40, "passphrase with many blanks in it", "kürzel" * 6])
def test_words_are_no_keys(word: str) -> None:
    """What could be guessed from its hash, or cannot be sent, is refused as a key."""
    with pytest.raises(KeysError):
        keys.hash_line(word)


def test_a_name_may_have_two_keys_while_one_replaces_the_other() -> None:
    """Several hashes lead to one name, so that its limits are shared."""
    found = keys.parse(f'[news]\nhash = ["{keys.hash_line(KEY)}", "{keys.hash_line(OTHER)}"]'.encode())
    assert found.find(KEY) is found.find(OTHER) is not None


def test_defaults_hold_for_who_says_nothing() -> None:
    """Limits of `default` are those of each key, until it names its own; 0 lifts one."""
    text = "[default]\nrequests_per_minute = 60\nconcurrency = 4\n"
    text += table("plain") + table("own", OTHER, "requests_per_minute = 600\nconcurrency = 0")
    found = keys.parse(text.encode()).by_id
    assert found["plain"].limits == Limits(requests_per_minute=60, concurrency=4)
    assert found["own"].limits == Limits(requests_per_minute=600)
    assert "default" not in found


@pytest.mark.parametrize(
    ("expires", "last_s"),
    [
        ("2027-01-31", 1801353600),
        ("2027-01-31T00:00:00", 1801353600),
        ("2027-01-31T01:00:00+01:00", 1801353600),
    ],
)
def test_expiry_is_in_utc(expires: str, last_s: float) -> None:
    """A key ends with the moment named; without an offset it is UTC."""
    key = keys.parse(table("a", more=f"expires = {expires}").encode()).by_id["a"]
    assert not key.expired(last_s - 1)
    assert key.expired(last_s)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[a", "not TOML"),
        ("a = 1", "[a] must be a table"),
        ("[a]", "[a] hash"),
        ('[a]\nhash = "sha256:12"', "[a] hash"),
        ("[a]\nhash = []", "[a] hash"),
        ('["a b"]\nhash = ""', "name"),
        (table("a", more="requests_per_hour = 1"), "[a] has an entry that is not known"),
        (table("a", more="requests_per_minute = -1"), "[a] requests_per_minute"),
        (table("a", more="requests_per_minute = true"), "[a] requests_per_minute"),
        (table("a", more='requests_per_minute = "5"'), "[a] requests_per_minute"),
        (table("a", more="concurrency = 20000"), "[a] concurrency"),
        (table("a", more='scopes = ["summarise"]'), "[a] scopes"),
        (table("a", more="scopes = []"), "[a] scopes"),
        (table("a", more='expires = "2027-01-31"'), "[a] expires"),
        (table("a") + table("b"), "[b] has the same key as [a]"),
        ('[anonymous]\nhash = "x"', "[anonymous] has an entry"),
        ("[default]\nscopes = []", "[default] has an entry"),
        (f'[a]\nhash = "{KEY}', "not TOML"),
    ],
)
def test_a_wrong_file_says_where(text: str, says: str) -> None:
    """What cannot be used is named, and neither keys nor hashes are repeated."""
    with pytest.raises(KeysError) as caught:
        keys.parse(text.encode())
    assert says in str(caught.value)
    assert KEY not in str(caught.value)
    assert keys.hash_line(KEY)[10:] not in str(caught.value)


def test_a_file_of_the_wrong_sort_is_refused(tmp_path: Path) -> None:
    """What is missing, no file, no text or too much is a failure with a reason."""
    for path, content in (("missing", None), ("binary", b"\xff\xfe"), ("huge", b"#" * 5_000_000)):
        if content is not None:
            (tmp_path / path).write_bytes(content)
        with pytest.raises(KeysError):
            keys.load(tmp_path / path)
    with pytest.raises(KeysError):
        keys.load(tmp_path)


class Ring:
    """A ring that looks at each use, and what it told."""

    def __init__(self, path: Path) -> None:
        self.told: list[KeysError | None] = []
        self.ring = KeyRing(path, self.told.append, every_s=0.0)

    def now(self) -> Keys:
        """The keys that count now."""
        return self.ring.current()


def test_a_changed_file_counts_at_once(tmp_path: Path) -> None:
    """A key that was taken out is refused and a new one accepted, without a restart."""
    path = tmp_path / "keys.toml"
    path.write_text(table("old"))
    ring = Ring(path)
    assert ring.now().find(KEY)
    path.write_text(table("new", OTHER))
    assert ring.now().find(KEY) is None
    assert ring.now().find(OTHER)
    assert ring.told == [None]


def test_a_swapped_mount_is_noticed(tmp_path: Path) -> None:
    """A symbolic link that is turned to another folder, as mounts of secrets are, brings the new keys."""
    for name, key in (("one", KEY), ("two", OTHER)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys.toml").write_text(table("a", key))
        os.utime(tmp_path / name / "keys.toml", (1, 1))
    data, path = tmp_path / "..data", tmp_path / "keys.toml"
    data.symlink_to("one")
    path.symlink_to("..data/keys.toml")
    ring = Ring(path)
    assert ring.now().find(KEY)
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").rename(data)
    assert ring.now().find(KEY) is None
    assert ring.now().find(OTHER)


def test_a_broken_file_leaves_the_former_keys(tmp_path: Path) -> None:
    """Until the file is whole again the former keys count, and each failure is told once."""
    path = tmp_path / "keys.toml"
    path.write_text(table("a"))
    ring = Ring(path)
    path.write_text("[a")
    assert ring.now().find(KEY)
    assert ring.now().find(KEY)
    path.unlink()
    assert ring.now().find(KEY)
    path.write_text(table("b", OTHER))
    assert ring.now().find(OTHER)
    assert [error is None for error in ring.told] == [False, False, True]


def test_a_file_is_not_looked_at_more_often_than_asked(tmp_path: Path) -> None:
    """Between two looks the keys come from memory."""
    path = tmp_path / "keys.toml"
    path.write_text(table("a"))
    ring = KeyRing(path, lambda _: None, every_s=3600)
    path.write_text(table("b", OTHER))
    assert ring.current().find(KEY)
