"""`precis summarize`, `translate` and `detect`: one text for people, many for programs."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

from precis_client import cli_show
from precis_client.async_client import AsyncClient
from precis_client.cli_connect import connected
from precis_client.cli_inputs import STDIN, Entry, Inputs, UsageError, count_lines, inputs_of
from precis_client.cli_output import OutputFile, StandardOutput
from precis_client.cli_progress import ProgressBar
from precis_client.cli_run import Runner
from precis_client.events import LanguageFound, SummaryDelta, SummaryDone, SummaryTranslated, Translated
from precis_client.replies import DetectReply, SummarizeReply, TranslateReply
from precis_client.retry import RetryPolicy

INTERRUPTED = 130
# A long run waits for a service that is full or restarts.
_PATIENT = RetryPolicy(attempts=10, first_wait_s=0.5, longest_wait_s=60.0, budget=1000)


async def texts(options: argparse.Namespace) -> int:
    """Run one of the three commands. Returns the exit status."""
    _check(options)
    inputs = inputs_of(options, common_fields(options))
    if options.job:
        from precis_client.cli_jobs import create_of

        return await create_of(options, inputs)
    if options.jsonl or options.output or len(inputs.names) > 1:
        return await _many(options, inputs)
    async for entry in inputs.entries():
        if entry.wrong:
            cli_show.complain(entry.wrong)
            return 1
        async with connected(options, RetryPolicy()) as client:
            return await (_streamed if getattr(options, "stream", False) else _single)(client, options, entry)
    return 0


def _check(options: argparse.Namespace) -> None:
    many = options.jsonl or options.output or len(options.file) > 1
    if (options.resume or options.overwrite) and not options.output:
        raise UsageError("--resume and --overwrite are about a file of results: name it with --output")
    if getattr(options, "stream", False) and (many or options.json or options.job):
        raise UsageError("--stream is for one text that is read by people")
    if (options.webhook or options.retain) and not options.job:
        raise UsageError("--webhook and --retain are of a job: add --job")
    if options.job and (options.output or options.resume):
        raise UsageError("--job has no output yet: fetch it later with `precis jobs results ID --output FILE`")
    if options.command == "translate" and not options.to and not options.jsonl:
        raise UsageError("--to TAG says which language to translate into")


def common_fields(options: argparse.Namespace) -> dict[str, Any]:
    """Fields of requests that the options name; what is left out is left to the service."""
    given: dict[str, Any]
    if options.command == "summarize":
        given = {
            "translate_to": options.to or None,
            "length": options.length,
            "language": options.language,
            "summary_language": options.summary_language,
            "format": options.format,
            "faithfulness": options.faithfulness,
            "engine": options.engine,
            "clean": False if options.no_clean else None,
        }
    elif options.command == "translate":
        given = {
            "target": options.to or None,
            "source": options.source,
            "format": options.format,
            "keep": options.keep or None,
            "glossary": dict(options.glossary) or None,
            "engine": options.engine,
        }
    else:
        given = {"top": options.top}
    return {name: value for name, value in given.items() if value is not None}


async def _call(client: AsyncClient, options: argparse.Namespace, fields: dict[str, Any]) -> Any:
    if options.command == "summarize":
        return await client.summarize(extra=fields)
    if options.command == "translate":
        return await client.translate(extra=fields)
    return await client.detect("", extra=fields)


async def _single(client: AsyncClient, options: argparse.Namespace, entry: Entry) -> int:
    reply = await _call(client, options, entry.fields)
    if options.json:
        cli_show.as_json(reply.raw)
        failed = any(not one.ok for one in getattr(reply, "translations", ()))
        return cli_show.SOME_FAILED if failed else 0
    if isinstance(reply, SummarizeReply):
        return cli_show.summary(reply)
    if isinstance(reply, TranslateReply):
        return cli_show.translations(reply)
    return cli_show.detection(reply) if isinstance(reply, DetectReply) else 0


async def _streamed(client: AsyncClient, options: argparse.Namespace, entry: Entry) -> int:
    if options.command == "translate":
        failed = False
        async for event in (stream := client.stream_translate(extra=entry.fields)):
            if isinstance(event, Translated):
                cli_show.translation(event.translation, titled=len(options.to) > 1)
                failed = failed or not event.translation.ok
        await stream.close()
        return cli_show.SOME_FAILED if failed else 0
    summary = client.stream_summarize(extra=entry.fields)
    told = ""
    async for one in summary:
        if isinstance(one, LanguageFound):
            continue
        if isinstance(one, SummaryDelta):
            if one.reset and told:
                print("\n", flush=True)
                cli_show.complain("the summary above is replaced by this one:")
                told = ""
            told += one.text
            print(one.text, end="", flush=True)
        elif isinstance(one, SummaryDone):
            # What was told is the beginning of it, or nothing was told.
            whole = one.summary.text
            print(whole[len(told) :] if whole.startswith(told) else f"\n\n{whole}", flush=True)
        elif isinstance(one, SummaryTranslated):
            cli_show.summary_translation(one.translation)
    return cli_show.after_summary(await summary.result(), translated=True)


async def _many(options: argparse.Namespace, inputs: Inputs) -> int:
    order = {name: index for index, name in enumerate(inputs.names)} if inputs.by_name else None
    sink: OutputFile | StandardOutput = StandardOutput()
    if options.output and options.output != STDIN:
        sink = OutputFile(options.output, resume=options.resume, overwrite=options.overwrite, order=order)
    wanted = not options.quiet and (bool(options.output) or not sys.stdout.isatty())
    total = inputs.total if inputs.by_name or not wanted else count_lines(inputs.names)
    bar = ProgressBar(total, wanted=wanted)
    try:
        async with connected(options, _PATIENT) as client:

            async def work(entry: Entry) -> Any:
                return (await _call(client, options, entry.fields)).raw

            runner = Runner(work, sink, bar, parallel=options.parallel, ordered=not options.unordered)
            async with _interruptible(bar, options):
                await runner.run(inputs.entries())
        sink.finish(ordered=not options.unordered)
    finally:
        bar.clear()
        sink.close()
    if bar.failed:
        cli_show.complain(f"{bar.failed} of {bar.done} failed; their results say why")
        return 1
    return cli_show.SOME_FAILED if runner.partly else 0


@contextlib.asynccontextmanager
async def _interruptible(bar: ProgressBar, options: argparse.Namespace) -> AsyncIterator[None]:
    """A run that Ctrl-C or SIGTERM ends in order, with a word on how to go on."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError, RuntimeError):  # on Windows, or not in the main thread
        if task is not None:
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    except asyncio.CancelledError:
        bar.clear()
        how = "; the same command with --resume goes on from here" if options.output else ""
        cli_show.complain(f"interrupted after {bar.done}{how}")
        raise
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.remove_signal_handler(signal.SIGTERM)
