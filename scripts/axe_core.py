"""The checker of accessibility that the browser tests run: `python -m scripts.axe_core FOLDER`.

Fetched once with npm, compared with its pinned digest, and never part of the repository or of the service.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

VERSION = "4.14.1"
# As npm's lock files write it.
INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
FILES = ("axe.min.js", "LICENSE")


def script(folder: Path) -> Path:
    """Where the script is once it is there."""
    return folder / VERSION / FILES[0]


def integrity(archive: Path) -> str:
    """The digest of an archive in npm's form."""
    return "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


def unpack(archive: Path, folder: Path) -> None:
    """Take what is needed out of the archive.

    Raises:
        ValueError: it is not the one that is pinned.
    """
    if (found := integrity(archive)) != INTEGRITY:
        raise ValueError(f"{archive.name} is not what is pinned: {found}")
    target = script(folder).parent
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as packed:
        for name in reversed(FILES):  # the script comes last: where it is, all is
            member = packed.extractfile(f"package/{name}")
            if member is None:
                raise ValueError(f"{archive.name} has no {name}")
            (target / name).write_bytes(member.read())


def fetch(folder: Path) -> None:
    """Have the script in the folder.

    Raises:
        CalledProcessError: npm failed; its message is on standard error.
        ValueError: the archive is not the one that is pinned.
    """
    if script(folder).is_file():
        return
    with tempfile.TemporaryDirectory() as place:
        command = ["npm", "pack", "--silent", f"axe-core@{VERSION}"]
        done = subprocess.run(command, cwd=place, check=True, stdout=subprocess.PIPE, text=True)
        unpack(Path(place) / done.stdout.split()[-1], folder)


def main(arguments: Sequence[str]) -> int:
    """Fetch it where npm is."""
    (folder,) = arguments
    if shutil.which("npm") is None:
        print("note: npm is not installed, so the audit of accessibility is left out", file=sys.stderr)
        return 0
    fetch(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
