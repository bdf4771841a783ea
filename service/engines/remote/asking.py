"""What summaries and translations share: asking, counting what it cost, asking once more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from service.engines.remote.output import Refused
from service.engines.remote.prompts import Prompt
from service.engines.remote.reply import Reply
from service.errors import EngineFailed
from service.records import Usage

T = TypeVar("T")


class Client(Protocol):
    """Whoever answers prompts."""

    async def ask(self, prompt: Prompt) -> Reply:
        """Return the complete answer or raise a PrecisError."""
        ...


class Asker:
    """Asks for one row and adds up its usage; words where the server tells no tokens.

    Attributes:
        refused: what was wrong with answers that were asked for again, by the names of checks.
    """

    def __init__(self, client: Client) -> None:
        self.refused: list[str] = []
        self._client = client
        self._input = 0
        self._output = 0

    @property
    def usage(self) -> Usage:
        """What all requests of the row took."""
        return Usage(self._input, self._output)

    async def ask(self, prompt: Prompt) -> Reply:
        """Return the answer; see `ChatClient.ask`."""
        reply = await self._client.ask(prompt)
        usage = reply.usage or Usage(len(prompt.system.split()) + len(prompt.user.split()), len(reply.text.split()))
        self._input += usage.input_tokens
        self._output += usage.output_tokens
        return reply

    async def until_good(self, prompt: Callable[[str], Prompt], read: Callable[[Reply, Prompt], T]) -> T:
        """Return what `read` makes of the answer, asking once more when it refuses.

        Args:
            prompt: makes the prompt with a remark on what was wrong before, empty at first.
            read: raises Refused for an answer that is none.
        Raises:
            EngineFailed: the second answer was refused too.
        """
        remark = ""
        for attempt in range(2):
            asked = prompt(remark)
            reply = await self.ask(asked)
            try:
                return read(reply, asked)
            except Refused as refused:
                remark = str(refused)
                if not attempt:
                    self.refused.append(refused.check)
        raise EngineFailed(f"the remote model's answer was refused: {remark}")


async def side_by_side(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines together and return their results in order; the first failure ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
