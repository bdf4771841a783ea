"""Commands that a running service does: they go over HTTP by way of `precis_client`.

The client is a package of its own, so that it can be installed without the service. In a checkout it lies beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Not PRECIS_…, because the service refuses names of that kind that are no settings of its own.
SERVER_VARIABLE = "PRECISCLIENT_SERVER"
_ALWAYS = {"jobs"}
_IF_NAMED = {"summarize", "translate", "detect", "languages"}
_BESIDE = Path(__file__).resolve().parent.parent / "clients" / "python" / "src"


def wanted(arguments: Sequence[str]) -> bool:
    """Whether a command line names a service, or is of a kind that only a service can do."""
    command, *others = arguments or [""]
    if command in _ALWAYS:
        return True
    named = any(one == "--server" or one.startswith("--server=") for one in others)
    return command in _IF_NAMED and (named or bool(os.environ.get(SERVER_VARIABLE)))


def run(arguments: Sequence[str]) -> int:
    """Do a command line as the client's own `precis` does. Returns the exit status, as `service.cli` has them."""
    if _BESIDE.is_dir():
        sys.path.insert(0, str(_BESIDE))
    try:
        from precis_client.cli import main
    except ModuleNotFoundError as error:
        lacking = {"httpx": "httpx", "precis_client": "precis-client"}.get((error.name or "").partition(".")[0])
        if lacking is None:
            raise
        print(f"precis: to ask a running service, install {lacking}: pip install {lacking}", file=sys.stderr)
        return 2
    return main(arguments)
