"""Tells a caller's server that a job has ended: one signed POST, bounded in time and size, no redirect followed."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import random
import socket
import ssl
import threading
import time
from dataclasses import dataclass

from service.config import Settings, SettingsError
from service.jobs.targets import Refused, Resolve, Rules, Target, resolve_within, rules_of
from service.version import VERSION

SIGNATURE_HEADER = "Precis-Signature"
JOB_HEADER = "Precis-Job"
_LONGEST_WAIT_S = 3600.0
_GROWTH = 4.0


@dataclass(frozen=True, slots=True)
class Webhooks:
    """How webhooks are sent.

    Attributes:
        rules: where they may go.
        secret: signs them.
        attempts: in all, before a webhook has failed.
        retry_s: about the first wait; each further one is four times as long, an hour at most.
        timeout_s: for looking the host up, connecting, sending and the answer together.
    """

    rules: Rules
    secret: bytes
    attempts: int
    retry_s: float
    timeout_s: float

    def wait_s(self, attempt: int) -> float | None:
        """Seconds after a failed attempt, counted from 1, until the next one; None when it was the last."""
        if attempt >= self.attempts:
            return None
        longest_s = min(_LONGEST_WAIT_S, self.retry_s * _GROWTH ** min(attempt - 1, 20))
        return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - nothing to guess

    def send(self, url: str, job_id: str, body: bytes, resolve: Resolve | None = None) -> bool:
        """Deliver once; True when the server answered with a status of 200 to 299."""
        until_s = time.monotonic() + self.timeout_s
        try:
            target = self.rules.target(url)
            address = self.rules.address(target, resolve or resolve_within(self.timeout_s))
            return 200 <= self._post(target, address, job_id, body, until_s) < 300
        except (Refused, OSError, http.client.HTTPException):
            return False

    def _post(self, target: Target, address: str, job_id: str, body: bytes, until_s: float) -> int:
        left_s = max(0.1, until_s - time.monotonic())
        connection = _Pinned(target, address, left_s)
        # Each read has its own time: a server that drips its answer is cut off as a whole.
        cut = threading.Timer(left_s, connection.cut)
        cut.daemon = True
        cut.start()
        try:
            headers = {
                "Host": target.authority,
                "Content-Type": "application/json",
                "User-Agent": f"precis/{VERSION}",
                "Connection": "close",
                JOB_HEADER: job_id,
                SIGNATURE_HEADER: signature(self.secret, body, int(time.time())),
            }
            connection.request("POST", target.path, body, headers)
            status = connection.getresponse().status  # its body is not read
            # A head that was cut off reads like one that ended.
            return 0 if connection.was_cut else status
        finally:
            cut.cancel()
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was judged; the name is only told, in TLS and in `Host`."""

    def __init__(self, target: Target, address: str, timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target = target
        self._address = address
        self.was_cut = False

    def connect(self) -> None:
        """Connect, and shake hands where the URL says https."""
        self.sock = socket.create_connection((self._address, self._target.port), self.timeout)
        if self._target.secure:
            context = ssl.create_default_context()
            shaking = context.wrap_socket(self.sock, server_hostname=self._target.host, do_handshake_on_connect=False)
            self.sock = shaking  # before the handshake, so that `cut` reaches it
            shaking.do_handshake()

    def cut(self) -> None:
        """End whatever is going on."""
        self.was_cut = True
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)


def webhooks_of(settings: Settings) -> Webhooks | None:
    """How webhooks are sent, or None where they are turned off.

    Raises:
        SettingsError: hosts are named and the secret is not, or cannot be read.
    """
    if not settings.webhook_hosts:
        return None
    if settings.webhook_secret_file is None:
        raise SettingsError("PRECIS_WEBHOOK_SECRET_FILE: webhooks are signed, so that a secret is needed")
    try:
        secret = settings.webhook_secret_file.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"PRECIS_WEBHOOK_SECRET_FILE: {error.strerror}") from None
    if not secret:
        raise SettingsError("PRECIS_WEBHOOK_SECRET_FILE: is empty")
    return Webhooks(
        rules_of(settings.webhook_hosts, private=settings.webhook_private),
        secret,
        settings.webhook_attempts,
        settings.webhook_retry_s,
        settings.webhook_timeout_s,
    )


def signature(secret: bytes, body: bytes, now_s: int) -> str:
    """The value of the header: when it was signed, and the HMAC-SHA256 of that time, a dot and the body."""
    digest = hmac.new(secret, f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={now_s},v1={digest}"
