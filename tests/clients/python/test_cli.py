"""The `precis` command of the client: against a real service, and against one that misbehaves."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from precis_client.cli import main
from precis_client.cli_arguments import parser
from precis_client.cli_progress import ProgressBar
from service import cli as service_cli
from tests.clients.python.scripted import Script, problem, reply, scripted, stream
from tests.clients.python.test_streaming import BODY, ES, SUMMARY, WHOLE
from tests.process.service import LONG_S, ROOT, Service, free_ports, serving, wait_until

process = pytest.mark.process
GOOD = {"results": [{"index": 0, "language": "de", "confidence": 0.9, "alternatives": []}]}
OK = reply(200, GOOD)
REFUSED = problem(422, "no_text", field="text")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service for the tests that do no harm."""
    with serving() as running:
        yield running


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """A folder of three short articles, one of them a page."""
    for index, name in enumerate(("a.txt", "b.txt")):
        (tmp_path / name).write_text(f"The bridge number {index} is open. It was closed. Nobody was hurt.\n")
    (tmp_path / "c.html").write_text("<!DOCTYPE html><html><body><p>A page was made. It is new.</p></body></html>")
    return tmp_path


def ask(server: str, *arguments: str) -> int:
    """Run the command in this process."""
    return main([*arguments, "--server", server])


def at(service: Service) -> str:
    """Where the command finds the service."""
    return f"http://127.0.0.1:{service.port}"


def lines(text: str) -> list[Any]:
    """Decoded JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


# ---- one text, for people -------------------------------------------------------------------------------------------


@process
def test_a_summary_is_the_same_as_without_a_server(
    service: Service, articles: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text, translations, complaints and exit status, by `--server` and in the process."""
    monkeypatch.setenv("PRECIS_ENGINES", "fake")
    for command in (
        ["summarize", str(articles / "a.txt"), "--to", "es", "--to", "xx", "--language", "en"],
        ["summarize", str(articles / "c.html"), "--length", "1s"],
        ["translate", str(articles / "a.txt"), "--to", "es", "--source", "en", "--keep", "bridge"],
        ["translate", str(articles / "c.html"), "--to", "es", "--to", "xx", "--source", "en"],
        ["detect", str(articles / "a.txt"), "--top", "2"],
        ["languages"],
    ):
        told = []
        for more in ([], ["--server", at(service)]):
            status = service_cli.main([*command, *more])
            told.append((status, *capsys.readouterr()))
        assert told[0] == told[1], command
        assert told[0][1]


def test_the_options_of_the_service_are_options_of_the_client() -> None:
    """Whatever can be asked of the process can be asked of a server."""
    own, other = (_options(one) for one in (service_cli._parser(), parser()))
    for command in ("summarize", "translate", "detect", "languages"):
        assert own[command] <= other[command], command


def _options(made: Any) -> dict[str, set[str]]:
    (commands,) = (
        action for action in made._actions if hasattr(action, "choices") and isinstance(action.choices, dict)
    )
    return {
        name: {option for action in sub._actions for option in action.option_strings}
        for name, sub in commands.choices.items()
    }


@process
def test_a_server_in_the_environment_counts(
    service: Service, articles: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PRECISCLIENT_SERVER` is as good as the option, for the checkout's command too."""
    monkeypatch.setenv("PRECISCLIENT_SERVER", at(service))
    assert service_cli.main(["summarize", str(articles / "a.txt"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["engine"] == "fake-summary"


@process
def test_the_reply_as_it_came(service: Service, articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints every field."""
    assert ask(at(service), "summarize", str(articles / "a.txt"), "--json", "--to", "xx") == 3
    told = json.loads(capsys.readouterr().out)
    assert {"id", "summary", "coverage", "provenance"} <= set(told)


def test_what_is_sent_for_a_file(articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options as fields, pages as HTML, formats by the file's name, nothing that was not said."""
    (articles / "d.md").write_text("# Title")
    (articles / "e").write_bytes("\ufeff<html><p>é</p></html>".encode())
    (articles / "f.txt").write_bytes("é".encode("utf-16"))
    summary = reply(200, WHOLE)
    translation = reply(200, {"translations": [{"target": "es", "text": "x"}]})
    with scripted(summary, summary, summary, translation, OK) as server:
        worded = ["--length", "50w", "--faithfulness", "off", "--format", "bullets", "--language", "en"]
        worded += ["--engine", "x", "--no-clean", "--to", "es", "--to", "fr"]
        ask(server.url, "summarize", str(articles / "c.html"), *worded)
        ask(server.url, "summarize", str(articles / "e"))
        ask(server.url, "summarize", str(articles / "f.txt"))
        ask(server.url, "translate", str(articles / "d.md"), "--to", "es", "--keep", "A", "--glossary", "a b = c")
        ask(server.url, "detect", str(articles / "a.txt"), "--top", "1")
    html = (articles / "c.html").read_text()
    assert [one.json for one in server.asked] == [
        {"html": html, "length": {"words": 50}, "translate_to": ["es", "fr"], "clean": False, "faithfulness": "off",
         "format": "bullets", "language": "en", "engine": "x"},
        {"html": "<html><p>é</p></html>"},
        {"text": "é"},
        {"text": "# Title", "format": "markdown", "target": ["es"], "keep": ["A"], "glossary": {"a b": "c"}},
        {"text": (articles / "a.txt").read_text(), "top": 1},
    ]  # fmt: skip
    capsys.readouterr()


def test_a_summary_streams_to_people(articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sentences and translations as they come; the rest as without a stream."""
    with scripted(stream(BODY, 3)) as server:
        assert ask(server.url, "summarize", str(articles / "a.txt"), "--stream") == 3
    told = capsys.readouterr()
    assert told.out == f"{SUMMARY['text']}\n\n[xx]\n\n[es]\n{ES['text']}\n"
    assert told.err == "precis: xx: no\n"


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["summarize", "nosuch.txt"], 1, "nosuch.txt: No such file or directory"),
        (["summarize", "."], 2, ". is a folder; give a pattern such as '*.txt'"),
        (["summarize", "no*such"], 2, "no file matches no*such"),
        (["summarize", "a.txt", "--key-file", "empty"], 2, "empty is empty"),
        (["summarize", "a.txt", "--key-file", "nosuch"], 1, "nosuch: No such file or directory"),
        (["summarize", "a.txt", "--resume"], 2, "--resume and --overwrite are about a file of results"),
        (["summarize", "a.txt", "b.txt", "--stream"], 2, "--stream is for one text"),
        (["summarize", "a.txt", "--webhook", "https://x"], 2, "add --job"),
        (["translate", "a.txt"], 2, "--to TAG"),
        (["summarize", "latin"], 1, "latin is not UTF-8"),
        (["jobs", "create", "a.txt"], 2, "a.txt, line 1: not {"),
        (["summarize", "a.txt", "--output", "nosuch/out"], 1, "nosuch/out: No such file or directory"),
    ],
)
def test_complaints_are_one_line(
    arguments: list[str], status: int, told: str, articles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and what to do, never a traceback."""
    os.chdir(articles)
    Path("empty").touch()
    Path("latin").write_bytes("é".encode("latin-1"))
    assert ask("http://127.0.0.1:1", *arguments) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("precis: ")
    assert told in line


def test_refusals_of_the_service_are_one_line(articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the field at fault and what is supported."""
    refused = problem(422, "unsupported_language", field="language", supported=["de", "en"])
    (port,) = free_ports(1)
    for server_script, told in ((refused, "precis: language: it is unsupported_language\nsupported: de en\n"),
                                (reply(200, b"<html>"), "that is not JSON")):  # fmt: skip
        with scripted(server_script) as server:
            assert ask(server.url, "summarize", str(articles / "a.txt")) == 1
        assert told in capsys.readouterr().err
    assert ask(f"http://127.0.0.1:{port}", "jobs", "list") == 1
    assert f"http://127.0.0.1:{port} cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(("module", "told"), [("httpx", "pip install httpx"), ("precis_client", "precis-client")])
def test_what_is_missing_is_named(module: str, told: str) -> None:
    """Without the client, or what it needs, the service's command says what to install."""
    script = f"""
import sys
sys.modules[{module!r}] = None
from service import cli_remote, cli
from pathlib import Path
sys.exit(cli.main(["jobs", "list"]))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=LONG_S)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_options_of_a_server_without_one_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """The checkout's command says where more is possible."""
    with pytest.raises(SystemExit) as ended:
        service_cli.main(["summarize", "a", "b"])
    assert ended.value.code == 2
    assert "precis summarize --server URL --help" in capsys.readouterr().err


# ---- many texts, for programs ---------------------------------------------------------------------------------------


@process
def test_many_files(service: Service, articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern in quotes, results as JSON lines in order; one that fails is a line among them."""
    os.chdir(articles)
    (articles / "bb.txt").write_text(" ")
    assert ask(at(service), "summarize", "*.txt", "c.html", "gone.txt", "--parallel", "3") == 1
    told = capsys.readouterr()
    found = lines(told.out)
    assert [(one["index"], one["id"], one["status"]) for one in found] == [
        (0, "a.txt", "ok"), (1, "b.txt", "ok"), (2, "bb.txt", "error"), (3, "c.html", "ok"), (4, "gone.txt", "error"),
    ]  # fmt: skip
    assert found[2]["error"]["code"] == "no_text"
    assert found[4]["error"] == {"code": "bad_input", "detail": "gone.txt: No such file or directory"}
    assert told.err == "precis: 2 of 5 failed; their results say why\n"


@process
def test_json_lines_from_standard_input(service: Service) -> None:
    """Fields go through, ids stay, wrong lines fail alone; options hold where a line says nothing else."""
    given = [
        '{"text": "Hello there", "id": "x"}',
        '{"text": "Bye", "target": ["fr", "de"], "id": 7}',
        "nonsense",
        "",
        '{"text": "Hi", "id": "x", "formt": 1}',
        "[]",
        '{"html": "<p>Hi</p>"}',
    ]
    command = [sys.executable, "-m", "service.cli", "translate", "--server", at(service), "--jsonl", "-",
               "--to", "es", "--source", "en"]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, input="\n".join(given), capture_output=True, text=True, timeout=LONG_S, env=_env()
    )
    assert done.returncode == 1, done.stderr
    found = lines(done.stdout)
    assert [(one["index"], one["id"], one["status"]) for one in found] == [
        (0, "x", "ok"), (1, "7", "ok"), (2, None, "error"), (3, "x", "error"), (4, None, "error"), (5, None, "ok"),
    ]  # fmt: skip
    assert [one["target"] for one in found[1]["result"]["translations"]] == ["fr", "de"]
    assert found[3]["error"]["field"] == "formt"


def _env() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PRECIS")}


def test_results_are_there_before_the_input_ends(tmp_path: Path) -> None:
    """A pipe that goes on for ever is worked off as it comes."""
    with scripted(OK) as server:
        command = [sys.executable, "-m", "precis_client", "detect", "--server", server.url, "--jsonl", "-"]
        env = _env() | {"PYTHONPATH": str(ROOT / "clients/python/src")}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            for index in range(3):
                run.stdin.write(f'{{"text": "Text {index}"}}\n')
                run.stdin.flush()
                assert json.loads(run.stdout.readline())["index"] == index
            run.stdin.close()
            assert run.wait(LONG_S) == 0


def _written(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_order_and_number_of_requests(tmp_path: Path) -> None:
    """No more than `--parallel` at a time; in order, or as they come with `--unordered`."""
    slow = threading.Event()
    output = tmp_path / "out"
    texts = tmp_path / "in"
    texts.write_text("".join(f'{{"text": "{index}"}}\n' for index in range(20)))
    for more, first in ([], 0), (["--unordered"], None):
        slow.clear()
        with scripted([slow, *OK], OK) as server:
            run = threading.Thread(
                target=ask, args=(server.url, "detect", "--jsonl", str(texts), "-o", str(output), "--parallel", "2",
                                  "--overwrite", "--quiet", *more)
            )  # fmt: skip
            run.start()
            try:
                wait_until(lambda server=server: len(server.asked) >= 12, "others go on beside a slow one")  # type: ignore[misc]
                if first is None:
                    wait_until(lambda: len(_written(output).splitlines()) >= 11, "results go out as they come")
                else:  # the slow one is whichever of the first two was asked for first
                    assert len(_written(output).splitlines()) <= 1
            finally:
                slow.set()
                run.join(LONG_S)
        found = [one["index"] for one in lines(output.read_text())]
        assert sorted(found) == list(range(20))
        assert (found == list(range(20))) == (first == 0)


# ---- going on after an interruption ----------------------------------------------------------------------------------


def test_resume_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results stay, failures and a cut last line are done again, and the output is in order in the end."""
    texts, output = tmp_path / "in", tmp_path / "out"
    texts.write_text("".join(f'{{"text": "{index}", "id": "n{index}"}}\n' for index in range(6)))
    kept = [{"index": index, "id": f"n{index}", "status": "ok", "result": {"old": True}} for index in (0, 3)]
    failed = {"index": 1, "id": "n1", "status": "error", "error": {"code": "unavailable"}}
    output.write_text("".join(json.dumps(one) + "\n" for one in (kept[0], failed, kept[1])) + '{"index": 4, "id": "n')
    with scripted(OK) as server:
        assert ask(server.url, "detect", "--jsonl", str(texts), "-o", str(output), "--resume") == 0
    found = lines(output.read_text())
    assert [one["id"] for one in found] == [f"n{index}" for index in range(6)]
    assert [("old" in one["result"]) for one in found] == [True, False, False, True, False, False]
    assert sorted(one.json["text"] for one in server.asked) == ["1", "2", "4", "5"]
    with scripted(OK) as server:
        assert ask(server.url, "detect", "--jsonl", str(texts), "-o", str(output), "--resume") == 0
    assert server.asked == []
    assert lines(output.read_text()) == found
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    capsys.readouterr()


def test_resume_knows_files_by_name(articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that has come in between moves the others, and is done."""
    os.chdir(articles)
    with scripted(OK) as server:
        ask(server.url, "detect", "*.txt", "-o", "out")
    (articles / "aa.txt").write_text("new")
    with scripted(OK) as server:
        assert ask(server.url, "detect", "*.txt", "-o", "out", "--resume") == 0
    assert [one.json["text"] for one in server.asked] == ["new"]
    assert [(one["index"], one["id"]) for one in lines(Path("out").read_text())] == [
        (0, "a.txt"), (1, "aa.txt"), (2, "b.txt"),
    ]  # fmt: skip
    capsys.readouterr()


@pytest.mark.parametrize(
    ("there", "more", "told"),
    [
        ('{"index": 0, "id": "z", "status": "ok"}\n', ["--resume"], "holds results of other texts"),
        ("Dear diary\n", ["--resume"], "line 1 of"),
        ("Dear diary\n", [], "is there already: --resume goes on with it, --overwrite begins it anew"),
    ],
)
def test_nobodys_file_is_spoiled(
    there: str, more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no output of this run is left as it is."""
    texts, output = tmp_path / "in", tmp_path / "out"
    texts.write_text('{"text": "x", "id": "a"}\n')
    output.write_text(there)
    with scripted(OK) as server:
        assert ask(server.url, "detect", "--jsonl", str(texts), "-o", str(output), *more) == 2
    assert told in capsys.readouterr().err
    assert output.read_text() == there
    assert server.asked == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs started meanwhile hear SIGINT, also where this one runs in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_a_file_to_go_on_with(number: int, tmp_path: Path) -> None:
    """Ctrl-C ends the run at once, also while it waits; what was finished behind a slow text is kept."""
    texts, output = tmp_path / "in", tmp_path / "out"
    texts.write_text("".join(f'{{"text": "{index}"}}\n' for index in range(40)))
    never = threading.Event()
    slow_first: list[Script] = [[never, *OK], *[OK] * 9, [never, *OK]]
    command = [
        sys.executable,
        "-m",
        "precis_client",
        "detect",
        "--jsonl",
        str(texts),
        "-o",
        str(output),
        "--parallel",
        "2",
    ]
    env = _env() | {"PYTHONPATH": str(ROOT / "clients/python/src")}
    with scripted(*slow_first) as server:
        run = subprocess.Popen([*command, "--server", server.url], env=env, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: len(server.asked) >= 11, "both requests wait")
        run.send_signal(number)
        _, told = run.communicate(timeout=LONG_S)
        never.set()
    assert run.returncode == 130
    assert told.strip() == "precis: interrupted after 9; the same command with --resume goes on from here"
    assert len(lines(output.read_text())) == 9
    with scripted(OK) as server:
        assert ask(server.url, "detect", "--jsonl", str(texts), "-o", str(output), "--resume", "--quiet") == 0
    assert len(server.asked) == 31
    assert [one["index"] for one in lines(output.read_text())] == list(range(40))


@pytest.mark.parametrize(
    ("script", "told"), [([], "the connection to"), (problem(401, "unauthorized"), "it is unauthorized")]
)
def test_a_run_that_makes_no_sense_any_more_stops(
    script: Script, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is gone or does not know the key does not fail ten thousand texts one by one."""
    from precis_client import RetryPolicy

    monkeypatch.setattr("precis_client.cli_texts._PATIENT", RetryPolicy(attempts=2, first_wait_s=0.01))
    texts, output = tmp_path / "in", tmp_path / "out"
    texts.write_text("".join(f'{{"text": "{index}"}}\n' for index in range(1000)))
    with scripted(OK, OK, script) as server:
        assert ask(server.url, "detect", "--jsonl", str(texts), "-o", str(output), "--parallel", "2") == 1
    assert len(server.asked) < 40
    error = capsys.readouterr().err
    assert error.startswith("precis: stopped: ")
    assert told in error
    assert "--resume goes on from here" in error


def test_a_reader_that_has_enough_ends_the_run(tmp_path: Path) -> None:
    """`| head` is no reason for a traceback."""
    texts = tmp_path / "in"
    texts.write_text("".join(f'{{"text": "{index}"}}\n' for index in range(200)))
    env = _env() | {"PYTHONPATH": str(ROOT / "clients/python/src")}
    with scripted(OK) as server:
        script = f'"{sys.executable}" -m precis_client detect --server {server.url} --jsonl "{texts}" | head -n 1'
        done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=LONG_S)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


# ---- progress -------------------------------------------------------------------------------------------------------


def test_progress_is_for_terminals(tmp_path: Path) -> None:
    """A bar on standard error where that is a terminal; nothing of it is left in the end."""
    texts, output = tmp_path / "in", tmp_path / "out"
    texts.write_text("".join(f'{{"text": "{index}"}}\n' for index in range(5)))
    env = _env() | {"PYTHONPATH": str(ROOT / "clients/python/src"), "COLUMNS": "80"}
    with scripted(OK) as server:
        command = [sys.executable, "-m", "precis_client", "detect", "--server", server.url, "--jsonl", str(texts)]
        ours, theirs = pty.openpty()
        try:
            run = subprocess.Popen([*command, "-o", str(output)], env=env, stderr=theirs)
            assert run.wait(LONG_S) == 0
            seen = os.read(ours, 65536).decode()
        finally:
            os.close(ours)
            os.close(theirs)
    assert "[########################]  5/5" in seen
    assert seen.endswith("\r\x1b[K")


def test_what_the_bar_says() -> None:
    """How much, how fast, how long still; without a total only what is done."""
    bar = ProgressBar(200)
    for index in range(50):
        bar.step(failed=index < 2)
    assert bar.line(10.0) == "[######..................]  50/200  2 failed  5.0/s  0:00:30 left"
    bar = ProgressBar(None)
    bar.step(failed=False)
    assert bar.line(0.5) == "1  2.0/s"


# ---- jobs -----------------------------------------------------------------------------------------------------------

JOB = {"id": "j1", "state": "running", "progress": {"done": 1, "failed": 0, "total": 2}, "created_at": None}


def test_jobs_on_the_command_line(articles: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Begin one of files or of items, look at it, wait for it, fetch it, end it."""
    os.chdir(articles)
    Path("items").write_text('{"task": "detect", "request": {"text": "x"}, "id": "i"}\n\n')
    running, ended = reply(202, JOB), reply(200, {**JOB, "state": "succeeded"})
    with scripted(running) as server:
        assert ask(server.url, "summarize", "*.txt", "--to", "es", "--job", "--webhook", "https://x/y") == 0
        assert ask(server.url, "jobs", "create", "items", "--retain", "60") == 0
        assert ask(server.url, "jobs", "get", "j1") == 0
        assert ask(server.url, "jobs", "cancel", "j1", "--json") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == ["j1", "j1", "j1  running          1/2  -"]
    files, items, *_ = server.asked
    assert files.json == {
        "items": [
            {"task": "summarize", "id": name, "request": {"translate_to": ["es"], "text": Path(name).read_text()}}
            for name in ("a.txt", "b.txt")
        ],
        "webhook": {"url": "https://x/y"},
    }
    assert items.json == {"items": [{"task": "detect", "request": {"text": "x"}, "id": "i"}], "retain_s": 60}
    with scripted(running, ended) as server:
        assert ask(server.url, "jobs", "wait", "j1") == 0
    page = {"results": [{"index": 0, "id": "i", "status": "ok", "result": GOOD}], "next": None, "complete": True}
    with scripted(reply(200, page), ended) as server:
        assert ask(server.url, "jobs", "results", "j1", "-o", "out") == 0
    assert lines(Path("out").read_text()) == page["results"]
    with scripted(reply(404, {"code": "not_found", "detail": "no such path"})) as server:
        assert ask(server.url, "jobs", "list") == 1
    assert "this service has no jobs" in capsys.readouterr().err
