"""`precis jobs`: begin, look at, fetch and end durable jobs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from precis_client import cli_show
from precis_client.async_client import AsyncClient
from precis_client.cli_connect import connected
from precis_client.cli_inputs import STDIN, Inputs, UsageError, read_text, why_unread
from precis_client.cli_output import OutputFile, StandardOutput
from precis_client.cli_progress import ProgressBar
from precis_client.errors import NotFound
from precis_client.options import Item, JobOptions
from precis_client.replies_about import Job
from precis_client.retry import RetryPolicy


async def jobs(options: argparse.Namespace) -> int:
    """Run one of the actions. Returns the exit status."""
    async with connected(options, RetryPolicy()) as client:
        if options.action == "create":
            return _told(await _create(client, options, _items_of(options.file)), options)
        if options.action == "list":
            with _having_jobs():
                page = await client.jobs.list(limit=options.limit)
            if options.json:
                cli_show.as_json(page.raw)
            else:
                for one in page.jobs:
                    cli_show.job(one)
            return 0
        if options.action == "results":
            return await _results(client, options)
        if options.action == "wait":
            return await _wait(client, options)
        call = client.jobs.cancel if options.action == "cancel" else client.jobs.get
        return _told(await call(options.job), options)


async def create_of(options: argparse.Namespace, inputs: Inputs) -> int:
    """Begin a job of texts, each with its file's name as id."""
    items: list[Item] = []
    async for entry in inputs.entries():
        if entry.wrong:
            raise UsageError(f"{entry.wrong}; no job was begun")
        item: Item = {"task": options.command, "request": entry.fields}
        if entry.id is not None:
            item["id"] = entry.id
        items.append(item)
    if not items:
        raise UsageError("there is no text to begin a job of")
    async with connected(options, RetryPolicy()) as client:
        made = await _create(client, options, items)
    if options.json:
        cli_show.as_json(made.raw)
    else:
        print(made.id)
    return 0


async def _create(client: AsyncClient, options: argparse.Namespace, items: list[Item]) -> Job:
    more: JobOptions = {}
    if options.webhook:
        more["webhook"] = options.webhook
    if options.retain:
        more["retain_s"] = options.retain
    with _having_jobs():
        return await client.jobs.create(items, **more)


@contextmanager
def _having_jobs() -> Iterator[None]:
    """Where there is no such path, the service is one without jobs."""
    try:
        yield
    except NotFound as error:
        raise NotFound("this service has no jobs: they are turned off there, or it is too old") from error


def _items_of(name: str) -> list[Item]:
    try:
        lines = read_text(name).split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(why_unread(name, error)) from None
    items: list[Item] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value: Any = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict) or "task" not in value or "request" not in value:
            raise UsageError(f'{name}, line {number}: not {{"task": …, "request": …}}; no job was begun')
        items.append(value)  # type: ignore[arg-type]  # what else it holds is for the service to judge
    return items


def _told(job: Job, options: argparse.Namespace) -> int:
    if options.json:
        cli_show.as_json(job.raw)
    elif options.action == "create":
        print(job.id)
    else:
        cli_show.job(job)
    return 0


async def _wait(client: AsyncClient, options: argparse.Namespace) -> int:
    bar = ProgressBar(None)

    def seen(job: Job) -> None:
        bar.show(job.progress.done, job.progress.failed, job.progress.total)

    try:
        job = await client.jobs.wait(options.job, timeout=options.timeout, on_progress=seen)
    finally:
        bar.clear()
    _told(job, options)
    return 0 if job.state == "succeeded" and not job.progress.failed else 1


async def _results(client: AsyncClient, options: argparse.Namespace) -> int:
    sink: OutputFile | StandardOutput = StandardOutput()
    if options.output and options.output != STDIN:
        sink = OutputFile(options.output, resume=False, overwrite=True, order=None)
    failed = 0
    try:
        async for one in client.jobs.results(options.job):
            failed += not one.ok
            sink.write(dict(one.raw))
    finally:
        sink.close()
    job = await client.jobs.get(options.job)
    if not job.ended:
        print(f"precis: {job.progress.done} of {job.progress.total} items are done so far", file=sys.stderr)
    return 1 if failed else 0
