"""Heartbeats are readable by others, and vanish with their writers."""

import multiprocessing
import os
import struct
import time

from service.heartbeat import Heartbeat, ages


def test_a_beat_is_read_back_by_role(tmp_path):
    """The age is that of the last beat, under the file's name, for the role asked for only."""
    heartbeat = Heartbeat(tmp_path / "beats", "model-extractive")
    heartbeat.beat()
    found = ages(tmp_path / "beats", "model")
    assert list(found) == [f"model.{os.getpid()}.model-extractive"]
    assert 0 <= found.popitem()[1] < 5
    assert ages(tmp_path / "beats", "api") == {}
    heartbeat.close()


def test_the_age_grows_until_the_next_beat(tmp_path):
    """What counts is the time written, not the file's."""
    heartbeat = Heartbeat(tmp_path, "api")
    long_ago = struct.pack("d", time.monotonic() - 100)
    with heartbeat.path.open("r+b") as file:
        file.write(long_ago)
    assert 100 <= next(iter(ages(tmp_path, "api").values())) < 110
    heartbeat.beat()
    assert next(iter(ages(tmp_path, "api").values())) < 5
    heartbeat.close()


def test_close_removes_the_file_and_silences_beats(tmp_path):
    """After an orderly end nothing is left."""
    heartbeat = Heartbeat(tmp_path, "api")
    heartbeat.close()
    heartbeat.close()
    heartbeat.beat()
    assert list(tmp_path.iterdir()) == []


def _beat_and_die(folder):
    Heartbeat(folder, "api").beat()


def test_the_dead_are_left_out_and_removed(tmp_path):
    """A process that did not end in order does not count as old but as gone."""
    child = multiprocessing.get_context("fork").Process(target=_beat_and_die, args=(tmp_path,))
    child.start()
    child.join()
    assert len(list(tmp_path.iterdir())) == 1
    assert ages(tmp_path, "api") == {}
    assert list(tmp_path.iterdir()) == []


def test_a_process_id_given_to_another_is_noticed(tmp_path):
    """After a restart of a container the same numbers come back; an old file must not look like a stuck process."""
    (tmp_path / f"api.{os.getpid()}.api").write_bytes(struct.pack("dd", time.monotonic(), 1.0))
    assert ages(tmp_path, "api") == {}
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_and_missing_folders_are_no_trouble(tmp_path):
    """Whatever else lies there is left alone."""
    (tmp_path / "api.x.y").write_text("z")
    (tmp_path / f"api.{os.getpid()}.short").write_text("z")
    assert ages(tmp_path, "api") == {}
    assert ages(tmp_path / "missing", "api") == {}
    assert len(list(tmp_path.iterdir())) == 2
