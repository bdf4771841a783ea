"""The files of the page at `/`: read once, packed once.

Browsers keep them for good, under a name made of their content.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Response, request

FOLDER = Path(__file__).parent / "ui"
START = "index.html"
ICON = "icon.svg"
# Files beside the page that belong to /docs.
_OTHERS = frozenset({"docs.html", "docs.js"})
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# Stands in the page for the version; relative imports between modules stay below it.
_VERSION = b"@@"
_FOR_GOOD = "public, max-age=31536000, immutable"
# Kept by the browser, asked for again each time: a new release shows at once.
_ASKED_AGAIN = "no-cache"
# Smaller bodies do not pay for their packing.
_LEAST_PACKED = 512

COMMON_POLICY = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
# Trusted types: no script can make markup out of text, not even by mistake.
_POLICY = (
    COMMON_POLICY + "script-src 'self'; style-src 'self'; img-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; `packed` is its gzip form, None where that is not smaller."""

    content: bytes
    packed: bytes | None
    mimetype: str
    tag: str

    @classmethod
    def of(cls, content: bytes, suffix: str) -> Asset:
        """A file with this content, of the type of its name."""
        packed = gzip.compress(content, 9, mtime=0) if len(content) >= _LEAST_PACKED else None
        tag = hashlib.sha256(content).hexdigest()[:24]
        return cls(content, packed if packed and len(packed) < len(content) else None, _TYPES[suffix], tag)

    def reply(self, cache_control: str = _ASKED_AGAIN) -> Response:
        """The answer to the request being answered: packed where that is taken, 304 where the browser has it."""
        packed = self.packed if request.accept_encodings["gzip"] > 0 else None
        response = Response(self.content if packed is None else packed, mimetype=self.mimetype)
        if packed is not None:
            response.headers["Content-Encoding"] = "gzip"
        response.set_etag(self.tag if packed is None else f"{self.tag}-gz")
        response.headers["Cache-Control"] = cache_control
        response.vary.add("Accept-Encoding")
        response.make_conditional(request.environ)
        return response


@cache
def load(path: Path) -> Asset:
    """A file that stands for itself."""
    return Asset.of(path.read_bytes(), path.suffix)


def _names() -> Iterator[str]:
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in _TYPES and path.name not in _OTHERS:
            yield path.name


@cache
def version() -> str:
    """Names this state of all files of the page."""
    digest = hashlib.sha256()
    for name in _names():
        digest.update(name.encode() + b"\0" + (FOLDER / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def _start() -> Asset:
    return Asset.of((FOLDER / START).read_bytes().replace(_VERSION, version().encode()), ".html")


@cache
def _files() -> dict[str, Asset]:
    return {name: load(FOLDER / name) for name in _names() if name != START}


def start() -> Response:
    """The page itself."""
    response = _start().reply()
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def file(wanted: str, name: str) -> Response | None:
    """A file of the page, or None where there is no such file.

    Args:
        wanted: the version that the page asks for. While a new release rolls out this may be another one's; then the
            answer is what there is, not to be kept.
        name: of the file.
    """
    asset = _files().get(name)
    if asset is None:
        return None
    return asset.reply(_FOR_GOOD if wanted == version() else _ASKED_AGAIN)
