"""The `precis` command of the client."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from precis_client import cli_show
from precis_client.cli_arguments import parser
from precis_client.cli_connect import connected
from precis_client.cli_inputs import UsageError
from precis_client.cli_jobs import jobs
from precis_client.cli_run import Stopped
from precis_client.cli_texts import INTERRUPTED, texts
from precis_client.errors import PrecisError
from precis_client.retry import RetryPolicy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        Exit status: 0 done, 1 something failed, 2 wrong usage, 3 some translations failed, 130 interrupted.
    """
    options = parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return INTERRUPTED
    except asyncio.CancelledError:
        return INTERRUPTED
    except UsageError as error:
        cli_show.complain(str(error))
        return 2
    except Stopped as error:
        goes_on = "; --resume goes on from here" if getattr(options, "output", None) else ""
        cli_show.complain(f"stopped: {error}{goes_on}")
        return 1
    except PrecisError as error:
        return cli_show.failure(error)
    except BrokenPipeError:
        # Who read our output has enough. What is still buffered must not be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UnicodeDecodeError:
        cli_show.complain("the input is not UTF-8")
        return 1
    except OSError as error:
        cli_show.complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1


async def _run(options: argparse.Namespace) -> int:
    if options.command == "jobs":
        return await jobs(options)
    if options.command == "languages":
        async with connected(options, RetryPolicy()) as client:
            reply = await client.languages()
        if options.json:
            cli_show.as_json(reply.raw)
            return 0
        return cli_show.languages(reply)
    return await texts(options)


if __name__ == "__main__":
    sys.exit(main())
