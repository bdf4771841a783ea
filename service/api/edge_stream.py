"""The end of the edge that meets an event stream: which replies are one, and how one is closed."""

from __future__ import annotations

import contextlib
from typing import Any

from service import telemetry
from service.api.event_stream import CONTENT_TYPE, ENVIRON_KEY, EventStream


def behind(resp: Any, environ: dict[str, Any]) -> EventStream | None:
    """The stream that a reply of gunicorn's consists of, if it is one.

    Args:
        resp: the reply, its head being known and not sent.
        environ: of the request.
    """
    stream = environ.get(ENVIRON_KEY)
    if not isinstance(stream, EventStream):
        return None
    if any(name.lower() == "content-type" and value == CONTENT_TYPE for name, value in resp.headers):
        return stream
    # Something failed on the way out, and another reply has taken its place.
    stream.close()
    return None


def close(stream: EventStream, resp: Any, items: Any) -> bool:
    """End the reply behind which a stream has ended.

    Args:
        stream: that has ended.
        resp: the reply as gunicorn sends it.
        items: what the application returned; closed here.
    Returns:
        Whether the connection stays open.
    """
    keep = False
    try:
        if not stream.broken:
            with contextlib.suppress(OSError):
                resp.close()
                keep = not resp.should_close()
    finally:
        try:
            items.close()
        except Exception:  # noqa: BLE001 - the reply is out; its connection must go back whatever happens
            telemetry.logger().error("closing a stream failed", exc_info=True)
    return keep
