"""A model hub on a free port: the part of the protocol that `huggingface_hub` 2.4.0 uses to fetch files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import unquote, urlsplit

COMMIT = "1234567890abcdef1234567890abcdef12345678"


@dataclass
class Seen:
    """One request as it came in, and how many bytes of body went out."""

    method: str
    path: str
    range: str = ""
    token: str = ""
    host: str = ""
    sent: int = 0


@dataclass
class FakeHub:
    """What the hub holds, and how it misbehaves."""

    repository: str
    files: dict[str, bytes]
    large: set[str]  # kept as LFS: redirected, with a SHA-256
    commit: str = COMMIT
    licence: str | None = "mit"
    gated: bool = False
    token: str = ""
    tell_blobs: bool = True
    tell_etags: bool = True
    announced: dict[str, bytes] = field(default_factory=dict)  # digests are of these bytes where they differ
    # Called with the path and the number of bytes sent so far before each further write; False breaks the connection.
    go_on: Callable[[str, int], bool] = lambda path, sent: True
    obey_range: bool = True
    pages: dict[str, bytes] = field(default_factory=dict)  # first folder of an address -> what is said instead
    cdn: str = ""
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def digest(self, path: str) -> str:
        data = self.announced.get(path, self.files[path])
        if path in self.large:
            return hashlib.sha256(data).hexdigest()
        return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()

    def gets(self, path: str) -> list[Seen]:
        """Requests for the content of a file that were answered with some of it."""
        return [seen for seen in self.seen if seen.method == "GET" and seen.path.endswith(f"/{path}") and seen.sent]


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0, so that each connection ends with its answer and leaves no thread behind."""

    @property
    def hub(self) -> FakeHub:
        return cast(_Server, self.server).hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        headers = self.headers
        seen = Seen(
            self.command, path, headers.get("Range", ""), headers.get("Authorization", ""), headers.get("Host", "")
        )
        self.hub.seen.append(seen)
        parts = path.strip("/").split("/")
        if parts[0] in self.hub.pages:
            self._page(self.hub.pages[parts[0]])
        elif parts[0] == "cdn":
            self._file("/".join(parts[1:]), seen)
        elif parts[:2] == ["api", "models"] and parts[4:5] == ["revision"]:
            self._info("/".join(parts[2:4]), parts[5])
        elif parts[2:3] == ["resolve"]:
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]), seen)
        else:
            self._error(404, "EntryNotFound")

    def _page(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _denied(self, repository: str, revision: str) -> bool:
        hub = self.hub
        if repository != hub.repository:
            self._error(401, "RepoNotFound")
        elif revision not in ("main", hub.commit):
            self._error(404, "RevisionNotFound")
        elif hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self._error(403, "")
        else:
            return False
        return True

    def _info(self, repository: str, revision: str) -> None:
        hub = self.hub
        if self._denied(repository, revision):
            return
        siblings = []
        for path in hub.files:
            entry: dict[str, object] = {"rfilename": path}
            if hub.tell_blobs and "blobs=" in self.path:
                size = len(hub.announced.get(path, hub.files[path]))
                entry |= {"size": size, "blobId": "0" * 40 if path in hub.large else hub.digest(path)}
                if path in hub.large:
                    entry["lfs"] = {"sha256": hub.digest(path), "size": size, "pointerSize": 134}
            siblings.append(entry)
        card = {} if hub.licence is None else {"license": hub.licence}
        body = json.dumps(
            {"id": repository, "sha": hub.commit, "siblings": siblings, "cardData": card, "tags": [], "private": False}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _resolve(self, repository: str, revision: str, path: str, seen: Seen) -> None:
        hub = self.hub
        if self._denied(repository, revision):
            return
        if hub.gated:
            self._error(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        elif path not in hub.files:
            self._error(404, "EntryNotFound")
        elif path in hub.large:
            self.send_response(302)
            self.send_header("Location", f"{hub.cdn}/cdn/{path}")
            self.send_header("X-Repo-Commit", hub.commit)
            self.send_header("X-Linked-Size", str(len(hub.files[path])))
            self.send_header("X-Linked-Etag", f'"{hub.digest(path)}"' if hub.tell_etags else '"weak"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._file(path, seen)

    def _file(self, path: str, seen: Seen) -> None:
        hub, data, start = self.hub, self.hub.files[path], 0
        if seen.range and hub.obey_range:
            start = int(seen.range.removeprefix("bytes=").removesuffix("-"))
        if not hub.go_on(path, 0):
            return  # closed without an answer
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("ETag", f'"{hub.digest(path)}"' if hub.tell_etags else 'W/"weak"')
        self.send_header("X-Repo-Commit", hub.commit)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        step = max(1, len(data) // 8)
        for at in range(start, len(data), step):
            if at > start and not hub.go_on(path, seen.sent):
                return
            self.wfile.write(data[at : at + step])
            self.wfile.flush()
            seen.sent += len(data[at : at + step])

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    hub: FakeHub

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away in the middle are part of the game."""


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub on a free port, until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.hub = hub
        hub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
