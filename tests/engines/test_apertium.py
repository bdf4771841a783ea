"""The engine over small fake pipelines that speak the null-flush protocol, and over the real packages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engines.apertium.engine import ApertiumEngine
from service.engines.apertium.modes import ModeError, load, parse
from service.engines.apertium.routes import find_routes
from service.engines.base import RowDone
from service.errors import EngineFailed, UnsupportedLanguage
from service.records import Job, Segment, Task, TranslateResult

# Upper-cases; `crash` ends it, `stick` makes it silent, `poison-once` ends it the first time.
FAKE = """
import os, sys, time
data = b""
while True:
    got = os.read(0, 65536)
    if not got:
        sys.exit(0)
    data += got
    while b"\\0" in data:
        text, data = data.split(b"\\0", 1)
        if b"crash" in text:
            sys.exit(1)
        if b"once" in text and not os.path.exists(sys.argv[2]):
            open(sys.argv[2], "w").close()
            sys.exit(1)
        if b"stick" in text:
            time.sleep(600)
        os.write(1, text.upper() + b"\\0")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An Apertium folder with pairs aa-bb style modes over the fake program."""
    program = tmp_path / "fake.py"
    program.write_text(textwrap.dedent(FAKE))
    runner = tmp_path / "fake-proc"
    runner.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n')
    runner.chmod(0o755)
    (tmp_path / "modes").mkdir()
    (tmp_path / "mark").touch()
    for name in ("swe-dan",):
        mark = tmp_path / "mark"
        (tmp_path / "modes" / f"{name}.mode").write_text(f"{runner} '{mark}' | {runner} '{mark}'\n")
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Iterator[ApertiumEngine]:
    """An engine over the fake pair, with short times."""
    made = ApertiumEngine(
        directory=folder, pairs=["swe-dan"], pipes_per_direction=2, idle_s=0.2, timeout_s=1.5, memory_bytes=2**30
    )
    yield made
    made.close()


def job(*texts: str, source: str = "sv", target: str = "da") -> Job:
    """A translation job."""
    return Job(Task.TRANSLATE, "apertium", source, target, tuple(Segment(text) for text in texts))


def drive(engine: ApertiumEngine, jobs: list[Job]) -> dict[int, RowDone]:
    """Admit jobs of one row each and step until all have ended."""
    engine.admit([(at, engine.prepare(one)[0]) for at, one in enumerate(jobs)])
    done: dict[int, RowDone] = {}
    until = time.monotonic() + 15
    while len(done) < len(jobs):
        assert time.monotonic() < until
        done |= {row.row_id: row for row in engine.step()}
    return done


def texts(engine: ApertiumEngine, one: Job, done: RowDone) -> tuple[str, ...]:
    """The segments of a job that took one row."""
    assert done.error is None
    result = engine.finish(one, [done.output])[0]
    assert isinstance(result, TranslateResult)
    return result.segments


def test_segments_come_back_in_order_and_whole(engine: ApertiumEngine) -> None:
    """Count, order, outer blanks and kept stretches are those of the job."""
    one = job(" a word\n", "", "b * c!", "12", "\n\n")
    assert texts(engine, one, drive(engine, [one])[0]) == (" A WORD\n", "", "B * C!", "12", "\n\n")


def test_a_crash_and_a_stuck_pipe_fail_their_rows_only(engine: ApertiumEngine) -> None:
    """Rows beside a poisoned and a stuck one are translated; both failures are typed."""
    jobs = [job("one"), job("crash"), job("stick"), job("two")]
    start = time.monotonic()
    done = drive(engine, jobs)
    assert texts(engine, jobs[0], done[0]) == ("ONE",)
    assert texts(engine, jobs[3], done[3]) == ("TWO",)
    assert isinstance(done[1].error, EngineFailed)
    assert isinstance(done[2].error, EngineFailed)
    assert time.monotonic() - start < 6


def test_a_row_is_tried_again_once(engine: ApertiumEngine, folder: Path) -> None:
    """A pipeline that dies by chance costs a restart, not the row."""
    (folder / "mark").unlink()
    one = job("once more")
    assert texts(engine, one, drive(engine, [one])[0]) == ("ONCE MORE",)


def test_killed_and_stopped_programs_fail_or_recover(engine: ApertiumEngine) -> None:
    """A killed idle pipeline is replaced; a stopped one fails its row in time and is replaced."""
    one = job("one")
    drive(engine, [one])
    os.kill(engine._pool.pipelines()[0].process_ids()[1], signal.SIGKILL)
    assert texts(engine, one, drive(engine, [one])[0]) == ("ONE",)
    os.kill(engine._pool.pipelines()[0].process_ids()[0], signal.SIGSTOP)
    assert isinstance(drive(engine, [one])[0].error, EngineFailed)
    assert texts(engine, one, drive(engine, [one])[0]) == ("ONE",)


def test_evicted_rows_are_not_returned_and_free_their_pipe(engine: ApertiumEngine) -> None:
    """A stuck row that is evicted leaves at once, and the next row is not given its reply."""
    engine.admit([(7, engine.prepare(job("stick"))[0])])
    engine.interrupt()
    engine.step()
    engine.evict([7, 99])
    assert engine.free_rows() == 64
    one = job("one")
    assert texts(engine, one, drive(engine, [one])[0]) == ("ONE",)


def test_interrupt_wakes_a_step(engine: ApertiumEngine) -> None:
    """A step that waits for a stuck pipe returns when it is interrupted."""
    engine.admit([(1, engine.prepare(job("stick"))[0])])
    engine.step()
    timer = threading.Timer(0.05, engine.interrupt)
    timer.start()
    start = time.monotonic()
    engine.step()
    assert time.monotonic() - start < 0.45
    timer.join()


def test_idle_pipelines_end_by_themselves(engine: ApertiumEngine) -> None:
    """No step is needed for an unused pipeline to end."""
    drive(engine, [job("one")])
    until = time.monotonic() + 5
    while engine._pool.pipelines():
        assert time.monotonic() < until
        threading.Event().wait(0.02)


def test_an_unknown_direction_names_what_there_is(engine: ApertiumEngine) -> None:
    """The refusal lists the targets reachable from the source."""
    with pytest.raises(UnsupportedLanguage) as caught:
        engine.prepare(job("one", target="es"))
    assert caught.value.supported == ("da",)


def test_nothing_installed_is_no_crash(tmp_path: Path) -> None:
    """Without packages the engine has no direction and says what is missing."""
    engine = ApertiumEngine(
        directory=tmp_path, pairs=["eng-cat"], pipes_per_direction=1, idle_s=1, timeout_s=1, memory_bytes=2**30
    )
    (info,) = engine.models()
    assert info.directions == ()
    assert info.missing == ("apertium-eng-cat is not installed: en→ca, ca→en",)
    engine.close()


def test_mode_files_become_argument_lists() -> None:
    """Options are put in, paths moved, and shell syntax beyond a pipe refused."""
    text = "lt-proc -w '/usr/share/apertium/a b.bin'|apertium-tagger -g $2 'p' | lt-proc $1 'g'\n"
    assert parse(text, Path("/d")) == (
        ("lt-proc", "-z", "-w", "/d/a b.bin"),
        ("apertium-tagger", "-z", "-g", "p"),
        ("lt-proc", "-z", "-g", "g"),
    )
    for bad in ("a | | b", "a; rm b", "a > b", "a 'b", "a & b"):
        with pytest.raises(ModeError):
            parse(bad, Path("/d"))


def test_children_die_with_their_parent(folder: Path) -> None:
    """After kill -9 of the process that holds the pipelines none of their programs is left, not even a stopped one."""
    code = (
        "import os, signal, sys; from pathlib import Path; from service.engines.apertium.modes import load;"
        "from service.engines.apertium.pipes import Pipeline;"
        f"m = load(Path({str(folder)!r}), ['swe-dan'])[0]; a, b = Pipeline(m[0]), Pipeline(m[0]);"
        # Once a text has come back every program runs, under the guard that ends it.
        "[(p.begin(['x']), p.write()) for p in (a, b)];"
        "[list(iter(p.read, True)) for p in (a, b)];"
        "os.kill(b.process_ids()[0], signal.SIGSTOP);"
        "print(*a.process_ids(), *b.process_ids(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        numbers = [int(number) for number in parent.stdout.readline().split()]
        assert len(numbers) == 4
        parent.kill()
    until = time.monotonic() + 10
    while any(_runs(number) for number in numbers):
        assert time.monotonic() < until
        threading.Event().wait(0.02)


def _runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


@pytest.fixture
def real() -> Iterator[ApertiumEngine]:
    """The engine over Debian's packages."""
    made = ApertiumEngine(
        directory=Path("/usr/share/apertium"),
        pairs=["eng-spa", "fr-es", "rus-ukr"],
        pipes_per_direction=1,
        idle_s=60,
        timeout_s=20,
        memory_bytes=2**30,
    )
    yield made
    made.close()


@pytest.mark.apertium
def test_real_packages_translate_and_keep_what_must_stay(real: ApertiumEngine) -> None:
    """Words are translated; addresses, figures, signs and placeholders are not."""
    one = job(
        "The house is red.",
        "See https://example.org/the-house, write to the_cat@example.org: 1,250.5 * {name} “good” ^x$ [y]!",
        source="en",
        target="es",
    )
    first, second = texts(real, one, drive(real, [one])[0])
    assert first == "La casa es roja."
    for kept in ("https://example.org/the-house", "the_cat@example.org", "1,250.5 * {name} “", "” ^", "$ [", "]!"):
        assert kept in second


@pytest.mark.apertium
def test_real_pivots_list_their_route(real: ApertiumEngine) -> None:
    """French reaches English through Spanish, and Russian reaches Ukrainian without the tagger."""
    one = job("La maison est rouge.", source="fr", target="en")
    result = real.finish(one, [drive(real, [one])[0].output])[0]
    assert isinstance(result, TranslateResult)
    assert result.route == ("fr", "es", "en")
    assert result.segments == ("The house is red.",)
    two = job("Члены правительства сказали «да».", source="ru", target="uk")
    assert texts(real, two, drive(real, [two])[0])[0].startswith("Члени уряду")


def test_shortest_routes_win(folder: Path) -> None:
    """With one mode there is one direct route."""
    modes, missing = load(folder, ["swe-dan"])
    assert [mode.name for mode in modes] == ["swe-dan"]
    assert missing == ("apertium-swe-dan is not installed: da→sv",)
    assert find_routes(modes)["sv", "da"].languages == ("sv", "da")


@pytest.mark.apertium
def test_a_word_the_dictionary_gets_badly_wrong_is_rewritten_first(real: ApertiumEngine) -> None:
    """The Russian adjective for Russian does not become a slur, and addresses keep it."""
    one = job("Русские пришли. https://русский.рф/русские", source="ru", target="uk")
    (text,) = texts(real, one, drive(real, [one])[0])
    assert text == "Російські прийшли. https://русский.рф/русские"


@pytest.mark.apertium
def test_a_sentence_keeps_its_capital(real: ApertiumEngine) -> None:
    """Where the word order changes, the first word has the capital, whichever it is."""
    one = job("Red cars passed.", source="en", target="es")
    (text,) = texts(real, one, drive(real, [one])[0])
    assert text[0].isupper()


@pytest.mark.apertium
def test_opening_marks_stay_in_the_languages_that_have_them(real: ApertiumEngine) -> None:
    """A Spanish question is an English one without the mark turned over."""
    one = job("¿Dónde está la casa?", source="es", target="en")
    (text,) = texts(real, one, drive(real, [one])[0])
    assert text.endswith("?")
    assert "¿" not in text
