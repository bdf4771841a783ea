"""/openapi.json and the pages: complete, and at home."""

from __future__ import annotations

import gzip
import json
import re

import jsonschema_rs
import pytest

from service.api.app import RESOURCES
from service.api.examples import FILE
from service.api.guards import EVENTS
from service.api.problems import TABLE
from tests.api.conftest import Background, Bench

PAGES = ("/", "/docs")


def test_every_route_is_documented(bench: Bench) -> None:
    """What is served and what is documented are the same, pages aside."""
    paths = bench.client.get("/openapi.json").json["paths"]
    documented = {(path, method.upper()) for path, item in paths.items() for method in item}
    served = {
        (re.sub("<(.*?)>", r"{\1}", rule.rule), method)
        for rule in bench.app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS") and not rule.endpoint.startswith("docs.")
    }
    assert documented == served


def test_references_resolve(bench: Bench) -> None:
    """Every reference in the document leads somewhere."""
    reply = bench.client.get("/openapi.json")
    document = reply.json
    references = set(re.findall(r'"\$ref":"#/([^"]+)"', reply.text))
    assert references
    for reference in references:
        node = document
        for part in reference.split("/"):
            node = node[part]
        assert isinstance(node, dict)
    assert document["openapi"] == "3.1.0"


def test_statuses_come_from_the_table(bench: Bench) -> None:
    """Each documented failure is in the error table under its status."""
    for item in bench.client.get("/openapi.json").json["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    continue
                (media,) = response["content"]
                assert media == "application/problem+json"
                for code in response["content"][media]["examples"]:
                    assert TABLE[code].status == int(status)


def test_what_needs_a_key_says_so(bench: Bench) -> None:
    """Every operation that may answer 401 names both ways to send a key, and that a service may be open."""
    document = bench.client.get("/openapi.json").json
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}
    for path, item in document["paths"].items():
        for operation in item.values():
            guarded = path not in ("/livez", "/readyz", "/metrics")
            assert ("401" in operation["responses"]) == guarded, path
            assert operation.get("security", []) == ([{"bearer": []}, {"apiKey": []}, {}] if guarded else [])
            if "requestBody" in operation:
                assert {"403", "409", "429"} <= set(operation["responses"])
                assert "Idempotency-Key" in {parameter["name"] for parameter in operation["parameters"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (operation.path, dict(example))
        for resource in RESOURCES
        for operation in resource.operations
        for example in operation.examples.values()
    ],
)
def test_examples_work(jobs: Background, path: str, body: object) -> None:
    """Every documented example is accepted."""
    assert jobs.post(path, body).status_code in (200, 202)


def test_example_replies_have_the_documented_shape(bench: Bench) -> None:
    """Each of them is shown, and is valid against the schema beside it."""
    document = bench.client.get("/openapi.json").json
    shown = 0
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                for media_type, content in response["content"].items() if status.startswith("2") else ():
                    for example in content.get("examples", {}).values():
                        shown += 1
                        schema = content["schema"] | {"components": document["components"]}
                        jsonschema_rs.validate(schema, example["value"])
                        assert media_type != EVENTS or "\nevent: result\n" in example["value"]
    assert shown == sum(
        len(found) for kinds in json.loads(FILE.read_text("utf-8")).values() for found in kinds.values()
    )


def test_the_document_is_sent_packed(bench: Bench) -> None:
    """To whom takes it so, and not again to whom has it."""
    plain = bench.client.get("/openapi.json")
    packed = bench.client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 3
    assert bench.client.get("/openapi.json", headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_self_contained(bench: Bench, path: str) -> None:
    """A page and its files name no other host, run no inline script, and its policy forbids both."""
    page = bench.client.get(path)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert not re.search(r"(src|href)=\"(https?:)?//", page.text)
    assert not re.search(r"<script(?![^>]*src=)", page.text)
    files = re.findall(r'(?:src|href)="((?:ui|docs)/[^"]+)"', page.text)
    assert files
    for name in files:
        reply = bench.client.get("/" + name)
        assert reply.status_code == 200
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        reply.close()


def test_swagger_asks_nobody_else(bench: Bench) -> None:
    """The documentation page turns off the online validator."""
    assert "validatorUrl: null" in bench.client.get("/docs/docs.js").text
