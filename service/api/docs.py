"""/openapi.json, /docs and the page at /. Nothing here loads anything from elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from wsgiref.types import WSGIApplication

from flask import Flask, Response, current_app
from pydantic_core import to_json

from service.api import openapi, page
from service.api.context import EXTENSION, Services
from service.api.resource import Operation, Resource
from service.errors import NotFound

resource = Resource("docs", __name__)

_DOCUMENT = "precis.openapi"
_SWAGGER = "flask_openapi3_swagger"  # used for its files alone; importing it would bring in its framework
# Swagger UI sets style attributes and draws its icons from data URLs.
_DOCS_POLICY = page.COMMON_POLICY + "script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


def prepare(app: Flask, resources: Sequence[Resource]) -> None:
    """Have the OpenAPI document of an app made when it is first asked for, once; that takes a fifth of a second."""
    serving: Services = app.extensions[EXTENSION]
    operations: list[Operation] = [operation for owner in resources for operation in owner.operations]

    @cache
    def made() -> page.Asset:
        return page.Asset.of(to_json(openapi.document(operations, serving.settings)), ".json")

    app.extensions[_DOCUMENT] = made


def begin_making(app: WSGIApplication) -> None:
    """Make the OpenAPI document of an app now, in a thread, so that nobody who asks waits for it."""
    if isinstance(app, Flask) and _DOCUMENT in app.extensions:
        threading.Thread(target=app.extensions[_DOCUMENT], name="openapi", daemon=True).start()


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
        "docs.js": page.FOLDER / "docs.js",
    }


@resource.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document."""
    made: Callable[[], page.Asset] = current_app.extensions[_DOCUMENT]
    return made().reply()


@resource.get("/docs")
def docs() -> Response:
    """Answer with the interactive documentation."""
    _swagger_folder()
    response = page.load(page.FOLDER / "docs.html").reply()
    response.headers["Content-Security-Policy"] = _DOCS_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@resource.get("/docs/<name>")
def docs_file(name: str) -> Response:
    """Answer with a file of the interactive documentation."""
    path = _swagger_files().get(name)
    if path is None:
        raise NotFound("no such path")
    return page.load(path).reply()


@resource.get("/")
def start() -> Response:
    """Answer with the page on which people work with the service."""
    return page.start()


@resource.get("/ui/<version>/<name>")
def page_file(version: str, name: str) -> Response:
    """Answer with a file of the page."""
    response = page.file(version, name)
    if response is None:
        raise NotFound("no such path")
    return response
