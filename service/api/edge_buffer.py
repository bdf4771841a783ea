"""Finds where a request ends in a stream of bytes, however the stream was cut. Pure: no sockets, no clock.

It reads of HTTP only what says how long a request is. Everything else (request line, header syntax, meaning) stays with
gunicorn's parser; a head whose length is stated in an unusual way comes out as `SUSPECT`, for that parser to refuse.

Source: RFC 9112, sections 2.2, 6 and 7.1 (message framing); RFC 9110, section 10.1.1 (Expect).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

# A chunk's size line may carry extensions, which nobody uses; a trailer section is a few fields.
_SIZE_LINE_LIMIT = 1024
_TRAILER_LIMIT = 8192
# What chunk framing may cost beyond the data itself. Chunks of a few bytes each make much work out of little data.
_FRAMING_ALLOWANCE = 64 * 1024
_MAX_LENGTH_DIGITS = 18

_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)")
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[^\r\n]*)?")
_HEAD_END = b"\r\n\r\n"


class Verdict(enum.Enum):
    """What can be said about the bytes so far."""

    MORE = "more"
    COMPLETE = "complete"
    SUSPECT = "suspect"
    HEAD_TOO_LARGE = "head_too_large"
    BODY_TOO_LARGE = "body_too_large"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as bytes.

    Attributes:
        head: request line and header fields with the empty line behind them.
        body: the body, without chunk framing.
        chunked: whether the body came in chunks.
        suspect: the head states its length in a way only a full parser may judge; there is no body then.
    """

    head: bytes
    body: bytes
    chunked: bool
    suspect: bool


class _Phase(enum.Enum):
    HEAD = 0
    LENGTH = 1
    CHUNK_SIZE = 2
    CHUNK_DATA = 3
    CHUNK_END = 4
    TRAILER = 5
    DONE = 6


class RequestBuffer:
    """Collects the bytes of one connection and says when a request is complete.

    Work is linear in the bytes fed, also when they come one at a time. After a verdict other than MORE, COMPLETE and
    SUSPECT the connection is of no further use.

    Args:
        max_head: largest head, in bytes.
        max_body: largest body, in bytes, counted without chunk framing; or a function that tells it from a head.
    """

    def __init__(self, max_head: int, max_body: int | Callable[[bytes], int]) -> None:
        self._max_head = max_head
        self._limit_of = max_body if callable(max_body) else None
        self._max_body = 0 if callable(max_body) else max_body
        self._buf = bytearray()
        self._restart()

    def _restart(self) -> None:
        self._phase = _Phase.HEAD
        self._verdict = Verdict.MORE
        self._head = b""
        self._body: bytes | bytearray = b""
        self._scanned = 0
        self._left = 0
        self._framing = 0
        self._blank = False
        self._chunked = False
        self._suspect = False
        self._wants_continue = False

    @property
    def size(self) -> int:
        """Bytes held."""
        return len(self._buf) + len(self._head) + len(self._body)

    @property
    def head(self) -> bytes:
        """The head, once it is complete; empty before."""
        return self._head

    @property
    def wants_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return self._wants_continue and self._phase is not _Phase.DONE and not self._buf and not self._body

    def feed(self, data: bytes | bytearray | memoryview) -> Verdict:
        """Add what was received and judge."""
        self._buf += data
        return self.advance()

    def advance(self) -> Verdict:
        """Judge what is held; also called after `take`, as the next request may be here already."""
        if self._phase is _Phase.HEAD and self._verdict is Verdict.MORE:
            self._verdict = self._read_head()
        if self._phase is _Phase.LENGTH:
            self._read_length()
        elif self._phase is not _Phase.DONE and self._phase is not _Phase.HEAD and self._verdict is Verdict.MORE:
            self._verdict = self._read_chunks()
        return self._verdict

    def take(self) -> RawRequest:
        """Hand out the complete request; bytes behind it stay for the next one.

        Raises:
            ValueError: there is none.
        """
        if self._verdict not in (Verdict.COMPLETE, Verdict.SUSPECT):
            raise ValueError("no complete request")
        request = RawRequest(self._head, bytes(self._body), self._chunked, self._suspect)
        self._restart()
        return request

    def _read_head(self) -> Verdict:
        buf = self._buf
        if not self._blank and buf.startswith(b"\r\n"):
            # Some clients send an empty line behind a body; one is ignored.
            del buf[:2]
            self._blank = True
        if not buf:
            return Verdict.MORE
        end = buf.find(_HEAD_END, max(0, self._scanned - 3))
        if max(end, 0) + len(_HEAD_END) > self._max_head or (end < 0 and len(buf) > self._max_head):
            return Verdict.HEAD_TOO_LARGE
        if end < 0:
            return self._look_ahead()
        end += len(_HEAD_END)
        self._head = bytes(buf[:end])
        del buf[:end]
        return self._frame()

    def _look_ahead(self) -> Verdict:
        """Refuse at once what can no longer become a head (another protocol, bare LF), rather than wait for its end."""
        buf, seen = self._buf, self._scanned
        if not (buf[0] == 0x0D or 0x20 < buf[0] < 0x7F):
            return Verdict.MALFORMED
        # An LF at the seam has its CR in front of the part already seen.
        if buf.count(b"\n", seen) != buf.count(b"\r\n", max(0, seen - 1)):
            return Verdict.MALFORMED
        self._scanned = len(buf)
        return Verdict.MORE

    def _frame(self) -> Verdict:
        """Read from the head how the body is delimited."""
        if self._limit_of is not None:
            self._max_body = self._limit_of(self._head)
        fields = _FRAMING.findall(self._head.lower())
        if not fields:
            self._phase = _Phase.DONE
            return Verdict.COMPLETE
        lengths = [value.strip() for name, value in fields if name == b"content-length"]
        codings = [value.strip() for name, value in fields if name == b"transfer-encoding"]
        expects = [value.strip() for name, value in fields if name == b"expect"]
        modern = b" HTTP/1.1\r\n" in self._head[: self._head.index(b"\r\n", 2) + 2]
        odd_length = len(lengths) > 1 or bool(lengths and (codings or not lengths[0].isdigit()))
        odd_coding = bool(codings) and not (codings == [b"chunked"] and modern)
        if odd_length or odd_coding or any(value != b"100-continue" for value in expects):
            self._phase, self._suspect = _Phase.DONE, True
            return Verdict.SUSPECT
        self._wants_continue = modern and bool(expects)
        if codings:
            self._phase, self._chunked, self._body = _Phase.CHUNK_SIZE, True, bytearray()
            return Verdict.MORE
        digits = lengths[0].lstrip(b"0") if lengths else b""
        if len(digits) > _MAX_LENGTH_DIGITS or int(digits or b"0") > self._max_body:
            return Verdict.BODY_TOO_LARGE
        self._left = int(digits or b"0")
        self._phase = _Phase.LENGTH
        return Verdict.MORE

    def _read_length(self) -> None:
        if self._verdict is Verdict.MORE and len(self._buf) >= self._left:
            self._body = bytes(self._buf[: self._left])
            del self._buf[: self._left]
            self._phase, self._verdict = _Phase.DONE, Verdict.COMPLETE

    def _read_chunks(self) -> Verdict:
        """Take whole pieces off the front until one is incomplete."""
        pos = 0
        verdict: Verdict | None = None
        while verdict is None:
            before = pos
            if self._phase is _Phase.CHUNK_SIZE:
                pos, verdict = self._read_size(pos)
            elif self._phase is _Phase.CHUNK_DATA:
                pos, verdict = self._read_data(pos)
                before = pos
            elif self._phase is _Phase.CHUNK_END:
                pos, verdict = self._read_end(pos)
            else:
                pos, verdict = self._read_trailer(pos)
            self._framing += pos - before
        del self._buf[:pos]
        return verdict

    def _read_size(self, pos: int) -> tuple[int, Verdict | None]:
        if self._framing > _FRAMING_ALLOWANCE + len(self._body):
            return pos, Verdict.MALFORMED
        end = self._buf.find(b"\r\n", pos, pos + _SIZE_LINE_LIMIT)
        if end < 0:
            return pos, Verdict.MALFORMED if len(self._buf) - pos >= _SIZE_LINE_LIMIT else Verdict.MORE
        match = _SIZE_LINE.fullmatch(self._buf, pos, end)
        if match is None:
            return pos, Verdict.MALFORMED
        self._left = int(match[1], 16)
        if len(self._body) + self._left > self._max_body:
            return pos, Verdict.BODY_TOO_LARGE
        self._phase = _Phase.CHUNK_DATA if self._left else _Phase.TRAILER
        return end + 2, None

    def _read_data(self, pos: int) -> tuple[int, Verdict | None]:
        piece = self._buf[pos : pos + self._left]
        self._body += piece
        self._left -= len(piece)
        if self._left:
            return pos + len(piece), Verdict.MORE
        self._phase = _Phase.CHUNK_END
        return pos + len(piece), None

    def _read_end(self, pos: int) -> tuple[int, Verdict | None]:
        end = self._buf[pos : pos + 2]
        if end == b"\r\n":
            self._phase = _Phase.CHUNK_SIZE
            return pos + 2, None
        return pos, Verdict.MORE if b"\r\n".startswith(end) else Verdict.MALFORMED

    def _read_trailer(self, pos: int) -> tuple[int, Verdict | None]:
        """Skip the trailer section: nothing here uses trailers, and they must not change what the head said."""
        buf = self._buf
        if buf.startswith(b"\r\n", pos):
            end = pos + 2
        else:
            end = buf.find(_HEAD_END, pos, pos + _TRAILER_LIMIT) + len(_HEAD_END)
            if end < len(_HEAD_END):
                if len(buf) - pos >= _TRAILER_LIMIT:
                    return pos, Verdict.HEAD_TOO_LARGE
                return pos, Verdict.MORE
            if buf.count(b"\n", pos, end) != buf.count(b"\r\n", pos, end):
                return pos, Verdict.MALFORMED
        self._phase = _Phase.DONE
        return end, Verdict.COMPLETE
