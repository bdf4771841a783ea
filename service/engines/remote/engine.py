"""Summaries and translations by an instruction-tuned model behind any OpenAI-compatible chat server.

The engine's rows are coroutines on one thread of their own, so `step` only waits for rows that end. A server that is
down fails the rows that need it and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import queue
import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import cast

from service.engines.base import RowDone, RowWork
from service.engines.remote import prompts
from service.engines.remote.client import SEED, ChatClient, Server
from service.engines.remote.prompts import Fence
from service.engines.remote.summary import SummaryWriter
from service.engines.remote.translation import Batch, Translated, Translator, assemble, batches, segments_of
from service.errors import EngineFailed, PrecisError, UnsupportedLanguage
from service.records import Check, Job, ModelInfo, Result, SummaryResult, Task, TranslateResult, Usage

log = logging.getLogger(__name__)

SUMMARY_ID = "remote-summary"
TRANSLATION_ID = "remote-translation"
ANY = "*"
_WAIT_S = 0.5
_STOP_S = 5.0


class RemoteEngine:
    """An engine whose rows are conversations with a server; see `base.Engine`.

    Args:
        server: where and how to ask.
        summarized: tags of the languages summaries are made in, `("*",)` for any.
        translated: tags of the languages translations are made between.
        rank: of both models in the catalogue; lower is preferred.
        licence: of the model behind the server, as its operator states it.
        chunk_characters: the most text of one question.
    """

    def __init__(
        self,
        server: Server,
        *,
        summarized: Sequence[str],
        translated: Sequence[str],
        rank: int,
        licence: str,
        chunk_characters: int,
    ) -> None:
        self._server = server
        self._chunk = chunk_characters
        self._summarized = frozenset(summarized)
        self._translated = frozenset(translated)
        self._models = _describe(server, chunk_characters, tuple(summarized), tuple(translated), rank, licence)
        self._fence = Fence(secrets.token_bytes(32))
        self._rows: dict[int, Future[None]] = {}
        self._ended: queue.SimpleQueue[RowDone | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: ChatClient | None = None

    def models(self) -> tuple[ModelInfo, ...]:
        """Two entries: one that summarizes, one that translates."""
        return self._models

    def prepare(self, job: Job) -> list[RowWork]:
        """One row for a summary, a row for about 2 000 characters of a translation; the cost is characters.

        Raises:
            UnsupportedLanguage: a language that the settings do not list.
        """
        if job.task is Task.SUMMARIZE:
            if ANY not in self._summarized and job.source not in self._summarized:
                raise UnsupportedLanguage(
                    "the remote model does not summarize this language", supported=tuple(sorted(self._summarized))
                )
            return [RowWork(max(1, job.characters), job)]
        if job.source not in self._translated or job.target not in self._translated:
            raise UnsupportedLanguage(
                "the remote model does not translate between these languages", supported=tuple(sorted(self._translated))
            )
        rows = batches(job.segments, job.source, job.target) or [Batch(job.source, job.target, ())]
        return [RowWork(max(1, sum(map(len, row.texts))), row) for row in rows]

    def finish(self, job: Job, outputs: Sequence[object]) -> tuple[Result, Usage]:
        """Put the outputs of the rows together; usage is in the server's tokens, words where it told none."""
        if job.task is Task.SUMMARIZE:
            return cast(tuple[SummaryResult, Usage], outputs[0])
        rows = cast(Sequence[tuple[tuple[Translated, ...], Usage]], outputs)
        made = [text for row, _ in rows for text in row]
        texts = assemble(job.segments, (one.text for one in made))
        places = zip(segments_of(job.segments), made, strict=True)
        checks = tuple(sorted({Check(segment, *check) for segment, one in places for check in one.checks}))
        usage = Usage(sum(used.input_tokens for _, used in rows), sum(used.output_tokens for _, used in rows))
        return TranslateResult(texts, (job.source, job.target), checks=checks), usage

    def warm(self) -> None:
        """Start the thread and say in the log whether the server answers; it may come later."""
        if not asyncio.run_coroutine_threadsafe(self._reachable(), self._started()).result():
            log.warning("the remote server does not answer yet")

    def free_rows(self) -> int:
        """As many rows as requests may run at a time."""
        return self._server.concurrency - len(self._rows)

    def admit(self, rows: Sequence[tuple[int, RowWork]]) -> None:
        """Start the rows."""
        loop = self._started()
        for row_id, work in rows:
            self._rows[row_id] = asyncio.run_coroutine_threadsafe(self._run(row_id, work.payload), loop)

    def step(self) -> list[RowDone]:
        """Return the rows that have ended, waiting at most half a second for one.

        Raises:
            RuntimeError: the thread has died.
        """
        if self._thread is None or not self._thread.is_alive():
            raise RuntimeError("the thread of the remote engine has ended")
        done: list[RowDone] = []
        with contextlib.suppress(queue.Empty):
            item = self._ended.get(timeout=_WAIT_S)
            while True:
                if item is not None and self._rows.pop(item.row_id, None) is not None:
                    done.append(item)
                item = self._ended.get_nowait()
        return done

    def evict(self, row_ids: Sequence[int]) -> None:
        """Forget rows and close their streams, which tells the server to stop."""
        for row_id in row_ids:
            future = self._rows.pop(row_id, None)
            if future is not None:
                future.cancel()

    def interrupt(self) -> None:
        """Wake a waiting `step`."""
        self._ended.put(None)

    def close(self) -> None:
        """Close all streams and end the thread."""
        self.evict(list(self._rows))
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_STOP_S)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._main, args=(self._loop,), name="remote-http", daemon=True)
            self._thread.start()
        return self._loop

    def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread: runs the coroutines of rows until `close`, then lets each close its stream."""
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            if self._client is not None:
                loop.run_until_complete(self._client.close())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _reachable(self) -> bool:
        return await self._connected().reachable()

    def _connected(self) -> ChatClient:
        """The client, made on the thread it belongs to."""
        if self._client is None:
            self._client = ChatClient(self._server)
        return self._client

    async def _run(self, row_id: int, payload: object) -> None:
        client = self._connected()
        try:
            if isinstance(payload, Batch):
                output: object = await Translator(client, self._fence).translate(payload)
            else:
                output = await SummaryWriter(client, self._fence, self._chunk).write(cast(Job, payload))
        except PrecisError as error:
            self._ended.put(RowDone(row_id, error=error))
        except Exception:  # a row fails alone, whatever it was
            log.exception("a row of the remote engine failed")
            self._ended.put(RowDone(row_id, error=EngineFailed("the remote engine failed on this item")))
        else:
            self._ended.put(RowDone(row_id, output))


def _describe(
    server: Server,
    chunk_characters: int,
    summarized: tuple[str, ...],
    translated: tuple[str, ...],
    rank: int,
    licence: str,
) -> tuple[ModelInfo, ...]:
    """The catalogue entries. The digest covers all that is known here; what the server has loaded is the server's."""
    known = {
        "url": server.url,
        "model": server.model,
        "extra": dict(server.extra),
        "seed": SEED,
        "prompts": prompts.VERSION,
        "chunk": chunk_characters,
    }
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    return (
        ModelInfo(SUMMARY_ID, Task.SUMMARIZE, server.model, digest, "llm", rank, licence, languages=summarized),
        ModelInfo(
            TRANSLATION_ID,
            Task.TRANSLATE,
            server.model,
            digest,
            "llm",
            rank,
            licence,
            languages=translated,
            sources=translated,
            targets=translated,
        ),
    )
