"""From options of the command line to a client."""

from __future__ import annotations

import argparse
from pathlib import Path

from precis_client.async_client import AsyncClient
from precis_client.cli_inputs import UsageError
from precis_client.retry import RetryPolicy


def connected(options: argparse.Namespace, retry: RetryPolicy) -> AsyncClient:
    """A client of the service that the options or the environment name.

    Raises:
        UsageError: the address is none, or the file holds no key.
        OSError: the file of the key cannot be read.
    """
    key: str | None = None
    if options.key_file:
        key = Path(options.key_file).read_text("utf-8").strip()
        if not key:
            raise UsageError(f"{options.key_file} is empty")
    try:
        return AsyncClient(options.server, key=key, timeout=options.timeout, retry=retry)
    except ValueError as error:
        raise UsageError(str(error)) from None
