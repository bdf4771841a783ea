"""The images, each built once a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from scripts.images import Builder, NoBuilderError, find_builder

NO_BUILDER = "no image can be built here"


@pytest.fixture(scope="session")
def builder() -> Builder:
    """What builds images on this machine."""
    if os.geteuid() != 0 or shutil.which("nsenter") is None:
        pytest.skip(NO_BUILDER)
    try:
        return find_builder()
    except NoBuilderError:
        pytest.skip(NO_BUILDER)


@pytest.fixture(scope="session")
def image(builder: Builder) -> Callable[[str], str]:
    """Gives the tag of a target, building it at first."""
    tags: dict[str, str] = {}

    def build(target: str) -> str:
        if target not in tags:
            try:
                tags[target] = builder.build(target)
            except subprocess.CalledProcessError as error:
                pytest.fail(f"{target}: {(error.stdout or '')[-1500:]}\n{(error.stderr or '')[-3000:]}")
        return tags[target]

    return build
