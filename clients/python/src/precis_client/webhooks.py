"""Webhooks: is this really from our service?"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from precis_client.decoding import decode
from precis_client.errors import InvalidSignature
from precis_client.replies_about import Job

SIGNATURE_HEADER = "Precis-Signature"
_MOST_DIGITS = 12


def verify_webhook(
    body: bytes,
    signature: str | Mapping[str, str],
    secret: str | bytes,
    *,
    tolerance_s: float | None = 300.0,
    now_s: float | None = None,
) -> Job:
    """The job that a webhook tells of, once its signature has been found right.

    Args:
        body: of the request, exactly as it came.
        signature: the header `Precis-Signature`, or all headers.
        secret: what the service signs with. While it changes, call this with the one and then with the other.
        tolerance_s: how far the signature's time may be from now, against replays; None: any.
        now_s: Unix time instead of the clock's.
    Raises:
        InvalidSignature: it is not there, malformed, wrong or too old.
        InvalidReply: it is right, and the body is no job.
    """
    if not secret:
        raise ValueError("a webhook is checked with a secret")
    told_s, given = _parse(_header(signature))
    key = secret.encode("utf-8") if isinstance(secret, str) else secret
    wanted = hmac.new(key, str(told_s).encode("ascii") + b"." + body, hashlib.sha256).hexdigest()
    if not any(hmac.compare_digest(wanted, one) for one in given):
        raise InvalidSignature("the webhook is not signed with this secret, or was changed on its way")
    now = time.time() if now_s is None else now_s
    if tolerance_s is not None and abs(now - told_s) > tolerance_s:
        raise InvalidSignature(f"the webhook was signed {abs(now - told_s):.0f} s away from now")
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return decode(Job, value)


def _header(signature: str | Mapping[str, str]) -> str:
    if isinstance(signature, str):
        return signature
    for name, value in signature.items():
        if name.lower() == SIGNATURE_HEADER.lower():
            return value
    raise InvalidSignature(f"the webhook has no `{SIGNATURE_HEADER}`")


def _parse(header: str) -> tuple[int, list[str]]:
    """The time and all signatures of a version that is known; newer ones may stand beside it."""
    times, found = [], []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            times.append(value)
        elif name == "v1" and value.isascii():
            found.append(value.lower())
    # `str(int(…))` must be what was signed.
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= _MOST_DIGITS):
        raise InvalidSignature("the webhook's signature has no time")
    if times[0] != str(int(times[0])) or not found:
        raise InvalidSignature("the webhook's signature cannot be read")
    return int(times[0]), found
