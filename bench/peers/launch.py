"""The whole service with other neural engines than its own, for comparison."""

from __future__ import annotations

import sys

from service import cli, main_model, main_serve
from service.engines import registry


def main(module: str, arguments: list[str]) -> int:
    """Be the supervisor as `precis` with these arguments, or the model process that it starts.

    Args:
        module: full name of the module that is run, whose `create` makes the neural engines.
    """
    if "--child" in arguments:
        registry.ENGINES["seq2seq"] = f"{module}:create"
        return main_model.main(arguments)
    main_serve.MODEL[:] = [sys.executable, "-m", module, "--child"]
    return cli.main(arguments)
