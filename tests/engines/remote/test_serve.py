"""The engine against a real server, `transformers serve`, with a tiny random model: facts of the protocol, no sense."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import pytest

from service.engines.remote import prompts
from service.engines.remote.client import ChatClient, Server
from service.engines.remote.engine import RemoteEngine
from service.engines.remote.reply import Reply
from service.errors import EngineFailed
from service.records import Job
from tests.engines.remote.driving import error_of, run, summary_job, translation_job

pytestmark = pytest.mark.heavy

NEEDED = ("torch", "transformers", "accelerate", "fastapi", "uvicorn", "openai")
START_S = 120.0


def _listening(lines: IO[str], found: list[str], ready: threading.Event) -> None:
    """Read the server's log to its end; the address is in it."""
    for line in lines:
        match = re.search(r"running on (http://[\w.:]+)", line)
        if match:
            found.append(match[1])
            ready.set()
    ready.set()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address of a running server and the name of its model."""
    if any(find_spec(name) is None for name in NEEDED):
        pytest.skip("transformers serve is not installed")
    folder = tmp_path_factory.mktemp("tiny")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    root = Path(__file__).resolve().parents[3]
    made = [sys.executable, "-m", "tests.engines.remote.tiny_model", str(folder)]
    subprocess.run(made, cwd=root, env=environment, check=True, capture_output=True, timeout=START_S)
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder)]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--device", "cpu"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    found: list[str] = []
    ready = threading.Event()
    assert server.stderr is not None
    reader = threading.Thread(target=_listening, args=(server.stderr, found, ready))
    reader.start()
    try:
        assert ready.wait(START_S)
        assert found, "the server ended before it listened"
        yield found[0], str(folder)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        reader.join()
        server.stderr.close()


@pytest.fixture
def made(served: tuple[str, str]) -> Iterator[RemoteEngine]:
    """An engine over the server."""
    url, model = served
    engine = RemoteEngine(
        Server(url, model), summarized=("*",), translated=("de", "en"), rank=1, licence="none", chunk_characters=12_000
    )
    yield engine
    engine.close()


def ask(served: tuple[str, str], max_tokens: int) -> Reply:
    """One answer of the server, bounded."""
    url, model = served
    prompt = prompts.Prompt("You are brief.", "Say something.", "0" * 24, max_tokens, 100_000)

    async def main() -> Reply:
        client = ChatClient(Server(url, model))
        try:
            assert await client.reachable()
            return await client.ask(prompt)
        finally:
            await client.close()

    return asyncio.run(main())


def test_a_real_server_streams_bounded_repeatable_answers(served: tuple[str, str]) -> None:
    """The bound on tokens is kept and counted, and the same question has the same answer."""
    short, long, again = ask(served, 5), ask(served, 40), ask(served, 40)
    assert short.usage is not None
    assert long.usage is not None
    assert short.usage.output_tokens <= 5
    assert 5 < long.usage.output_tokens <= 40
    assert short.usage.input_tokens == long.usage.input_tokens > 0
    assert (short.finish, bool(short.text)) == ("length", True)
    assert long == again


@pytest.mark.parametrize("job", [summary_job(), translation_job("The ferry leaves at nine.", "It is cold.")])
def test_nonsense_of_a_real_server_is_refused(made: RemoteEngine, job: Job) -> None:
    """What a random model writes is no summary and no translation: a typed error, and the engine goes on."""
    made.warm()
    for _ in range(2):
        error = error_of(lambda: run(made, job))
        assert isinstance(error, EngineFailed)
        assert error.detail.startswith("the remote model's answer was refused: ")


def test_a_row_evicted_from_a_real_server_frees_it(made: RemoteEngine) -> None:
    """After a hang-up in mid-answer the server serves the next question."""
    (work,) = made.prepare(summary_job(sentences=12))
    made.admit([(1, work)])
    made.step()
    made.evict([1])
    started_s = time.monotonic()
    assert "refused" in error_of(lambda: run(made, translation_job("The ferry leaves at nine."))).detail
    assert time.monotonic() - started_s < 20
