"""Builds the images with whatever this machine has: `python -m scripts.images [TARGET...]`.

Docker or podman with the real base images, where a registry answers. Elsewhere, as root, podman with stand-ins for them
(`image_bases.sh`), kept in a cache folder, with pip's own configuration inside the build.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"all": "precis", "api": "precis-api", "model": "precis-model", "model-cuda": "precis-model-cuda"}
BUILD_S = 1800.0
_PULL_S = 300.0


class NoBuilderError(Exception):
    """Nothing here can build an image; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Builder:
    """A command that builds and runs images.

    Attributes:
        command: `docker` or `podman`.
        environment: what it runs with.
        build_options: what every build is given.
        stand_in: the base images are ours; sizes and digests differ a little from real ones.
    """

    command: str
    environment: Mapping[str, str]
    build_options: tuple[str, ...] = ()
    stand_in: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)

    def run(self, *words: str, timeout_s: float = 120.0, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command of the builder.

        Raises:
            CalledProcessError: it failed; what it said is in `stderr`.
        """
        return subprocess.run(
            [self.command, *words],
            env=dict(self.environment), check=check, capture_output=True, text=True, timeout=timeout_s,
        )  # fmt: skip

    def build(self, target: str, *options: str, tag: str = "") -> str:
        """Build one target of the Dockerfile.

        Returns:
            The tag it has.
        Raises:
            CalledProcessError: the build failed.
        """
        tag = tag or TARGETS[target]
        given = [word for name, value in self.arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self.run(
            "build", *self.build_options, *given, *options, "--target", target, "-t", tag, str(ROOT), timeout_s=BUILD_S
        )
        return tag


def base_images() -> list[str]:
    """The base images that the Dockerfile names: Debian's first, then Python's."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    found = dict(re.findall(r"^ARG (DEBIAN_IMAGE|PYTHON_IMAGE)=(\S+)$", text, re.M))
    return [found["DEBIAN_IMAGE"], found["PYTHON_IMAGE"]]


def find_builder() -> Builder:
    """What can build here; makes the stand-ins where they are needed and not there yet, which takes two minutes.

    Raises:
        NoBuilderError: nothing can.
        CalledProcessError: a stand-in could not be made.
    """
    for command in ("docker", "podman"):
        builder = Builder(command, os.environ)
        if shutil.which(command) and _works(builder) and all(_has(builder, name) for name in base_images()):
            return builder
    if os.geteuid() != 0 or not shutil.which("podman") or not shutil.which("debootstrap"):
        raise NoBuilderError("no registry of images answers, and stand-ins need root, podman and debootstrap")
    return _with_stand_ins(_cache_folder())


def _works(builder: Builder) -> bool:
    try:
        return builder.run("info", check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _has(builder: Builder, image: str) -> bool:
    if builder.run("image", "inspect", image, check=False).returncode == 0:
        return True
    try:
        return builder.run("pull", "-q", image, check=False, timeout_s=_PULL_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "precis" / "images"


def _with_stand_ins(folder: Path) -> Builder:
    folder.mkdir(parents=True, exist_ok=True)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/storage"\nrunroot = "{folder}/run"\n', "utf-8"
    )
    # No systemd is asked for anything, so that this works inside a container too.
    (folder / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n'
        '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n',
        "utf-8",
    )
    environment = dict(os.environ)
    environment["CONTAINERS_STORAGE_CONF"] = str(folder / "storage.conf")
    environment["CONTAINERS_CONF"] = str(folder / "containers.conf")
    mounts = _pip_mounts(folder)
    options = ("--isolation", "chroot", "--format", "docker", "--pull=never", "--layers", *mounts)
    # pip's own configuration says where PyTorch comes from.
    names = [f"localhost/{name}" for name in base_images()]
    arguments = {"TORCH_INDEX": "", "DEBIAN_IMAGE": names[0], "PYTHON_IMAGE": names[1]}
    builder = Builder("podman", environment, options, stand_in=True, arguments=arguments)
    if any(builder.run("image", "inspect", name, check=False).returncode for name in names):
        print("making stand-ins for the base images", file=sys.stderr, flush=True)
        command = [str(ROOT / "scripts/image_bases.sh"), str(folder), *names, "--isolation", "chroot", *mounts]
        subprocess.run(command, env=environment, check=True, timeout=BUILD_S)
    return builder


def _pip_mounts(folder: Path) -> list[str]:
    """Options that bring pip's configuration into a build, with the certificates and folders it names."""
    said = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    # What the environment says comes last there, and counts.
    found = {name.split(".")[-1]: value for name, value in re.findall(r"^(\S+)='(.*)'$", said.stdout, re.M)}
    lines, mounts = ["[global]", "timeout = 180"], []
    if "index-url" in found:
        lines.append(f"index-url = {found['index-url']}")
    if Path(found.get("cert", "")).is_file():
        lines.append("cert = /run/build/certificates")
        mounts += ["-v", f"{found['cert']}:/run/build/certificates:ro"]
    links = [path for path in found.get("find-links", "").split() if Path(path).is_dir()]
    for at, path in enumerate(links):
        mounts += ["-v", f"{path}:/run/build/links-{at}:ro"]
    if links:
        lines.append("find-links = " + " ".join(f"/run/build/links-{at}" for at in range(len(links))))
    (folder / "pip.conf").write_text("\n".join(lines) + "\n", "utf-8")
    return ["-v", f"{folder}/pip.conf:/etc/pip.conf:ro", *mounts]


def main(targets: Sequence[str]) -> int:
    """Build targets, `all` by default; 1 when that cannot be done here, 2 for an unknown target."""
    wanted = targets or ["all"]
    if set(wanted) - set(TARGETS):
        print(f"targets: {' '.join(TARGETS)}", file=sys.stderr)
        return 2
    try:
        builder = find_builder()
        for target in wanted:
            print(builder.build(target), flush=True)
    except NoBuilderError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print((error.stderr or str(error))[-3000:], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
