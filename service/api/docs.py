"""/openapi.json, /docs and the page at /. Nothing here loads anything from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from flask import Flask, Response, current_app, request
from pydantic_core import to_json

from service.api import openapi
from service.api.context import EXTENSION, Services
from service.api.resource import Operation, Resource, json_reply
from service.errors import NotFound

resource = Resource("docs", __name__)

_DOCUMENT = "precis.openapi"
_UI = Path(__file__).parent / "ui"
_SWAGGER = "flask_openapi3_swagger"  # used for its files alone; importing it would bring in its framework
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".html": "text/html"}

_COMMON = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
_PAGE_POLICY = _COMMON + "script-src 'self'; style-src 'self'; img-src 'self'"
# Swagger UI sets style attributes and draws its icons from data URLs.
_DOCS_POLICY = _COMMON + "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def prepare(app: Flask, resources: Sequence[Resource]) -> None:
    """Make the OpenAPI document of an app, once."""
    serving: Services = app.extensions[EXTENSION]
    operations: list[Operation] = [operation for owner in resources for operation in owner.operations]
    app.extensions[_DOCUMENT] = to_json(openapi.document(operations, serving.settings))


def _swagger_folder() -> Path:
    spec = find_spec(_SWAGGER)
    if spec is None or not spec.submodule_search_locations:
        raise NotFound("the interactive documentation is not installed; see /openapi.json")
    return Path(spec.submodule_search_locations[0]) / "templates" / "swagger"


def _swagger_files() -> dict[str, Path]:
    folder = _swagger_folder()
    return {
        "swagger-ui.css": folder / "css" / "swagger-ui.css",
        "swagger-ui-bundle.js": folder / "js" / "swagger-ui-bundle.js",
        "docs.js": _UI / "docs.js",
    }


_UI_FILES = {name: _UI / name for name in ("page.js", "page.css", "icon.svg")}


@cache
def _load(path: Path) -> tuple[bytes, str]:
    content = path.read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:24]


def _send(path: Path, policy: str | None = None) -> Response:
    content, tag = _load(path)
    response = Response(content, mimetype=_TYPES[path.suffix])
    response.set_etag(tag)
    # Kept by the browser, asked for again each time: a new release shows at once.
    response.headers["Cache-Control"] = "no-cache"
    if policy:
        response.headers["Content-Security-Policy"] = policy
        response.headers["Referrer-Policy"] = "no-referrer"
    response.make_conditional(request.environ)
    return response


@resource.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document."""
    return json_reply(current_app.extensions[_DOCUMENT])


@resource.get("/docs")
def docs() -> Response:
    """Answer with the interactive documentation."""
    _swagger_folder()
    return _send(_UI / "docs.html", _DOCS_POLICY)


@resource.get("/docs/<name>")
def docs_file(name: str) -> Response:
    """Answer with a file of the interactive documentation."""
    path = _swagger_files().get(name)
    if path is None:
        raise NotFound("no such path")
    return _send(path)


@resource.get("/")
def page() -> Response:
    """Answer with the page on which the service can be tried."""
    return _send(_UI / "index.html", _PAGE_POLICY)


@resource.get("/ui/<name>")
def page_file(name: str) -> Response:
    """Answer with a file of the page."""
    path = _UI_FILES.get(name)
    if path is None:
        raise NotFound("no such path")
    return _send(path)
