"""The quality tables from end to end, on a data folder of a few short texts."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench import environments
from bench.quality import __main__ as command
from bench.quality import runs, translation
from bench.quality.request import Request
from bench.quality.worker import System, work

ENGLISH = (
    "The old harbour was closed on Friday after a storm.",
    "Two young bakers opened a small shop beside the station yesterday.",
    "The mayor wants to build a new bridge over the river.",
)
GERMAN = (
    "Der alte Hafen wurde am Freitag nach einem Sturm gesperrt.",
    "Zwei junge Bäcker haben gestern einen kleinen Laden neben dem Bahnhof eröffnet.",
    "Die Bürgermeisterin will eine neue Brücke über den Fluss bauen.",
)
STORY = (
    "The town library of Eastbrook reopened on Monday after two years of repairs, the council said in a statement.",
    "The roof had let in rain since the storm of 2024, and half of the reading room was closed to readers.",
    "Readers gave the rest of the money, and the first books were lent before noon on the first day.",
)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, "utf-8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder laid out like the collections."""
    folder = tmp_path / "data"
    page = "<html><body><ul><li><a href=a>Home</a><li><a href=b>Sport</a></ul><article>{}</article></body></html>"
    story = "".join(f"<p>{text}</p>" for text in STORY)
    _write(folder / "html/aeb/one.html.gz", page.format(story))
    _write(folder / "html/aeb/ground-truth.json", json.dumps({"one": {"articleBody": " ".join(STORY), "url": ""}}))
    _write(folder / "html/traf/two.html.gz", page.format(story + "<p>Another day, another story was told.</p>"))
    told = {"u": {"file": "two.html", "with": ["The roof had let in rain"], "without": ["Sport"]}}
    _write(folder / "html/traf/evaldata.json", json.dumps(told))
    for kind in ("sentences", "word-pairs", "single-words"):
        _write(folder / f"langid/{kind}/de.txt", "\n".join(GERMAN))
        _write(folder / f"langid/{kind}/uk.txt", "Це коротке речення українською мовою.\nЩе одне речення про місто.")
        _write(folder / f"langid/{kind}/ru.txt", "Это короткое предложение на русском языке.")
    for stem, lines in (("eng", ENGLISH), ("deu", GERMAN)):
        _write(folder / f"ntrex/{stem}.txt", "\n".join(lines))
    _write(folder / "ntrex/DOCUMENT_IDS.tsv", "a\na\nb\n")
    for stem, lines in (("en", ENGLISH), ("de", GERMAN)):
        _write(folder / f"flores/{stem}.txt", "\n".join(lines))
    _write(
        folder / "flores/outputs/en-de/google.txt",
        "\n".join((*GERMAN[:2], "Die B&uuml;rgermeisterin will eine neue Br&uuml;cke &uuml;ber den Fluss bauen.")),
    )
    row = {"lang": "en", "title": "Library opens", "text": "\n".join(STORY), "summary": STORY[0]}
    _write(folder / "summarization/en_made.jsonl.gz", json.dumps(row))
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems run in this process, which is quicker."""

    def run(module: str, name: str, system: System, given: Path, request: Request) -> runs.Made:
        found = work(system, json.loads(given.read_text("utf-8")))
        found.pop("version")
        return runs.Made(name, system.title, **json.loads(json.dumps(found)))

    monkeypatch.setattr(runs, "_run", run)


def _run(data: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert command.main([str(data), "--rows", "all", "--peers", "none", *more]) == 0
    return capsys.readouterr().out


def test_cleaning_runs_in_processes_of_its_own(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Pages, scraped text and clean articles are measured, and what was made is kept where wanted."""
    out = _run(data, capsys, "--only", "cleaning", "--keep", str(tmp_path / "kept"))
    assert "HTML pages (1 pages with gold text, 1 with phrases)" in out
    scraped = next(line for line in out.splitlines() if line.startswith("everything kept"))
    assert scraped.split()[2] == "0.983"  # 58 words of the story, and the two of the menu
    assert "100.0 [100.0, 100.0] %" in scraped
    assert "Clean articles" in out
    assert list((tmp_path / "kept").glob("cleaning-*-precis.json"))


@pytest.mark.usefixtures("here")
def test_langid_counts(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three languages are told apart, close ones are listed, and what is no language stays unnamed."""
    out = _run(data, capsys, "--only", "langid")
    assert "Language identification, sentences (6 texts, 3 languages)" in out
    assert "Précis  1.000 [1.000, 1.000]  3: 1.000" in out
    assert "uk ru" in out
    assert "20 of 20" in out


@pytest.mark.usefixtures("here")
def test_segmentation_counts(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two documents have one boundary each; a document of one sentence has none to be found."""
    out = _run(data, capsys, "--only", "segmentation")
    assert "(2 documents, 2 languages)" in out
    assert "Précis  1.000 [1.000, 1.000]" in out


@pytest.mark.usefixtures("here")
def test_summaries_count(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first sentence is the reference here, so the lead is right."""
    out = _run(data, capsys, "--only", "summaries")
    lines = [line for line in out.splitlines() if line.startswith("first sentences")]
    assert len(lines) == 2
    assert all("1.000 [1.000, 1.000]" in line for line in lines)
    assert "en_made (1)" in out


@pytest.mark.usefixtures("here")
def test_guards_count(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good references raise no alarm; a file that is a copy of the other raises one for each line."""
    out = _run(data, capsys, "--only", "guards")
    assert "(2 directions of FLORES-200 and NTREX)" in out
    assert "references doubted (false alarms)         0.00 [0.00, 0.00] %" in out
    assert "noticed: copy                             100.0" in out
    for name in ("flores/de", "ntrex/deu"):
        (data / f"{name}.txt").write_text("\n".join(ENGLISH), "utf-8")
    out = _run(data, capsys, "--only", "guards")
    assert "references doubted (false alarms)         100.00" in out
    assert "untranslated  100.00 %" in out


def test_outputs_of_others_are_scored(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entities in stored outputs are what they stand for, and the source as it is is the floor."""
    monkeypatch.setattr(translation, "_installed", set)
    assert command.main([str(data), "--rows", "all", "--only", "translation", "--peers", "google"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("en→de (3)"))
    assert "100.0 [100.0, 100.0]; 100.0" in line
    assert line.split()[2] == "–"


@pytest.mark.usefixtures("here")
def test_a_document_is_filled_in(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A section's tables stand between its markers, with the command; a missing marker is told at once."""
    page = tmp_path / "page.md"
    page.write_text("A\n<!-- quality:segmentation -->\n<!-- /quality:segmentation -->\nB\n", "utf-8")
    _run(data, capsys, "--only", "segmentation", "--markdown", str(page))
    text = page.read_text("utf-8")
    assert text.startswith(
        "A\n<!-- quality:segmentation -->\n\n`python -m bench.quality DATA --only segmentation --rows all`"
    )
    assert "| Précis | 1.000 [1.000, 1.000] |" in text
    assert text.endswith("<!-- /quality:segmentation -->\nB\n")
    with pytest.raises(SystemExit):
        command.main([str(data), "--only", "langid", "--markdown", str(page)])
    assert "quality:langid" in capsys.readouterr().err


def test_an_empty_folder_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Collections that are not there are left out, and the run says so."""
    assert command.main([str(tmp_path), "--only", "cleaning,langid,segmentation,summaries,guards"]) == 0
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.count("nothing to measure") == 5


@pytest.mark.parametrize("wrong", [("--only", "cooking"), ("--peers", "nobody"), ("--rows", "some")])
def test_unknown_names_are_refused(data: Path, wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """A section, peer or half that does not exist is named, with those that do."""
    with pytest.raises(SystemExit) as refused:
        command.main([str(data), *wrong])
    told = f"{capsys.readouterr().err}{refused.value}"
    assert wrong[1] in told


def test_a_peer_that_cannot_be_had_is_missing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured and the table says which one is not there."""

    def fail(side: str, folder: Path) -> str:
        raise subprocess.CalledProcessError(1, ["python", "-m", "pip", "install", side])

    monkeypatch.setattr(runs, "interpreter", fail)
    rows = [{"text": STORY[0]}]
    request = Request(data, peers=frozenset(("readability",)))
    made, notes = runs.run_all("bench.quality.systems.cleaning", rows, request, ("everything", "readability"))
    assert [one.name for one in made] == ["everything"]
    assert notes[-1] == "Missing: readability-lxml (could not be installed)."


def test_a_system_that_fails_always_is_not_measured(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ours that stops the run, since a table of zeros would hide what is broken; a peer is missing."""

    def fail(module: str, name: str, system: System, given: Path, request: Request) -> runs.Made:
        return runs.Made(name, system.title, [None], [0.0], 0.0, 0.0, {"KeyError": 1})

    monkeypatch.setattr(runs, "_run", fail)
    module = "bench.quality.systems.cleaning"
    with pytest.raises(RuntimeError, match="Précis failed on every row: KeyError"):
        runs.run_all(module, [{}], Request(data), ("precis",))
    assert runs.run_all(module, [{}], Request(data), ("justext",)) == (
        [],
        ("Missing: jusText (failed on every row).",),
    )


def test_a_row_that_fails_or_takes_too_long_is_counted() -> None:
    """It has no output, its kind of error is counted, and the rows after it are done."""

    def run(row: dict[str, Any]) -> str:
        if row.get("limit_s"):
            while True:
                time.monotonic()
        return f"{1 / row['n']:.0f}"

    before = signal.getsignal(signal.SIGPROF)
    found = work(System("x", lambda: run), [{"n": 1}, {"n": 0}, {"n": 1, "limit_s": 0.05}, {"n": 1}])
    assert found["outputs"] == ["1", None, None, "1"]
    assert found["errors"] == {"ZeroDivisionError": 1, "TookTooLongError": 1}
    assert len(found["seconds"]) == 4
    assert found["memory_mb"] >= 0
    assert signal.getsignal(signal.SIGPROF) == before


def test_every_peer_with_needs_of_its_own_has_pins() -> None:
    """The groups that systems name are there, with exact versions."""
    import importlib

    groups = environments.groups()
    for section in ("cleaning", "langid", "segmentation", "summaries", "translation", "guards"):
        for one in importlib.import_module(f"bench.quality.systems.{section}").SYSTEMS.values():
            assert not one.group or one.group in groups, one.title
    assert all("==" in pin for pins in groups.values() for pin in pins)


def test_what_peers_import_is_little() -> None:
    """A worker and the systems can be imported without numpy, the service or anything else a peer lacks."""
    names = ("cleaning", "langid", "segmentation", "summaries", "translation", "guards")
    probe = (
        "import sys, "
        + ", ".join(f"bench.quality.systems.{name}" for name in names)
        + ("; print({'numpy', 'service', 'selectolax'} & {name.split('.')[0] for name in sys.modules})")
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=environments.ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
