"""A WSGI application that shows what the edge hands over; for `test_edge.py` alone."""

import json
import threading
from pathlib import Path


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    if path == "/gate":
        # Says that it runs, then waits for the test to open the gate (a FIFO: no polling, no sleeping).
        folder = Path(environ["QUERY_STRING"])
        with (folder / "entered").open("w") as entered:
            entered.write("x")
        with (folder / "open").open() as gate:
            gate.read(1)
    if path == "/mark":
        with Path(environ["QUERY_STRING"]).open("a") as marks:
            marks.write("x")
    if path == "/boom":
        raise RuntimeError("as ordered")
    if path == "/stop-iteration":
        raise StopIteration
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"one ", b"two ", b"three"])
    if path == "/large":
        start_response("200 OK", [("Content-Length", str(32 * 1024 * 1024))])
        return [bytes(32 * 1024 * 1024)]
    if path == "/big":
        start_response("200 OK", [("Content-Length", str(4 * 1024 * 1024))])
        return [bytes(range(256)) * (16 * 1024)]
    if path == "/hello":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"hello"]
    seen = {
        "method": environ["REQUEST_METHOD"],
        "path": path,
        "body_bytes": len(body),
        "body_head": body[:64].decode("latin-1"),
        "thread": threading.get_ident(),
    }
    data = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]
