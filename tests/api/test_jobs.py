"""/v1/jobs as callers see it, before any worker has done anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.jobs.job import Made
from service.jobs.ledger import Ledger
from tests.api.callers import BEARER, KEY, OTHER, table
from tests.api.conftest import Background, Bench

GOOD = {"task": "summarize", "request": {"text": "The bridge opens today. It was closed."}}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Background]:
    """A service with two keys: one for everything but translations, with a quota, and one for all."""
    scopes = 'scopes = ["jobs", "summarize", "detect"]\ncharacters_per_day = 100\n'
    found = Background(tmp_path, table("news", KEY, scopes) + table("other", OTHER))
    yield found
    found.close()


def test_a_job_is_accepted(jobs: Background) -> None:
    """202, where to ask, and the job as it stands."""
    reply = jobs.post("/v1/jobs", {"items": [GOOD, {"task": "detect", "id": "b", "request": {"text": "Hallo"}}]})
    assert reply.status_code == 202
    body = reply.get_json()
    assert reply.headers["Location"] == f"/v1/jobs/{body['id']}"
    assert body["state"] == "queued"
    assert body["progress"] == {"done": 0, "failed": 0, "total": 2}
    assert body["created_at"].endswith("Z")
    assert {body[name] for name in ("started_at", "finished_at", "expires_at", "webhook", "error")} == {None}
    assert jobs.client.get(reply.headers["Location"]).get_json() == body
    assert jobs.client.get(body["results_url"]).get_json() == {"results": [], "next": None, "complete": False}


def test_what_is_wrong_with_an_item_is_its_own_error(jobs: Background) -> None:
    """Its result is there at once, with the field told from the top of the body."""
    items = [GOOD, {"task": "translate", "id": "x", "request": {"text": "a"}}, 7, {"task": "detect", "request": {}}]
    items += [{"task": "translate", "request": {"text": "a", "target": ["es"] * 21}}]
    body = jobs.post("/v1/jobs", {"items": items[1:] + items[:1]}).get_json()
    assert body["progress"] == {"done": 4, "failed": 4, "total": 5}
    reply = jobs.client.get(body["results_url"]).get_json()
    assert [one["index"] for one in reply["results"]] == [0, 1, 2, 3]
    assert reply["results"][0]["id"] == "x"
    assert reply["results"][0]["error"]["field"] == "items[0].request.target"
    assert {one["error"]["code"] for one in reply["results"]} == {"bad_request"}
    assert (reply["next"], reply["complete"]) == (3, False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": [GOOD], **GOOD}, "items"),
        ({"items": [GOOD], "id": "x"}, "items"),
        ({"task": "summarize"}, "request"),
        ({"request": {}}, "task"),
        ({"task": "summarize", "request": {}}, "request.text"),
        ({"task": "summarize", "request": {"text": 7}}, "request.text"),
        ({**GOOD, "retain_s": 0}, "retain_s"),
        ({**GOOD, "webhook": {"url": "https://hooks.example.com/"}}, "webhook.url"),
        ({**GOOD, "webhook": {}}, "webhook.url"),
        ({**GOOD, "more": 1}, "more"),
    ],
)
def test_bodies_that_are_no_job_are_refused(jobs: Background, body: object, field: str) -> None:
    """The field is named; what is wrong with the only request of a job is told at once."""
    reply = jobs.post("/v1/jobs", body)
    assert reply.status_code == 400
    assert reply.get_json()["field"] == field


def test_a_job_has_a_largest_number_of_items(tmp_path: Path) -> None:
    """One more is refused as a whole."""
    few = Background(tmp_path, jobs_max_items=2)
    assert few.post("/v1/jobs", {"items": [GOOD] * 2}).status_code == 202
    assert few.post("/v1/jobs", {"items": [GOOD] * 3}).get_json()["field"] == "items"
    few.close()


def test_only_jobs_may_have_a_large_body(tmp_path: Path) -> None:
    """Each path has its limit, announced or not."""
    small = Background(tmp_path, max_body_bytes=2000, jobs_max_body_bytes=4000)
    body = json.dumps({"items": [{"task": "detect", "request": {"text": "x" * 2500}}]}).encode()
    assert small.post("/v1/jobs", body).status_code == 202
    assert small.post("/v1/batch", body).status_code == 413
    assert small.post("/v1/jobs", body + b" " * 2000).status_code == 413
    small.close()


def test_a_job_is_cancelled_then_deleted(jobs: Background) -> None:
    """202 while it ends, 200 when it had ended, 404 afterwards."""
    place = jobs.post("/v1/jobs", GOOD).headers["Location"]
    reply = jobs.client.delete(place)
    assert (reply.status_code, reply.get_json()["state"]) == (202, "cancelled")
    assert reply.get_json()["expires_at"] is not None
    assert jobs.client.delete(place).status_code == 200
    for method, path in (("GET", place), ("DELETE", place), ("GET", f"{place}/results")):
        gone = jobs.client.open(path, method=method)
        assert (gone.status_code, gone.get_json()["code"]) == (404, "not_found")


def test_results_come_in_pages(jobs: Background) -> None:
    """`next` leads to the end, and nothing is told twice."""
    body = jobs.post("/v1/jobs", {"items": [GOOD] * 5}).get_json()
    ledger = Ledger(jobs.database)
    taken, _ = ledger.take(body["id"], 0)
    assert taken is not None
    ledger.save(taken, [Made(at, f'{{"index":{at}}}', failed=False) for at in range(5)], got_on=False)
    ledger.finish(taken)
    seen, after = [], ""
    while True:
        page = jobs.client.get(f"{body['results_url']}?limit=2{after}").get_json()
        seen += [one["index"] for one in page["results"]]
        if page["complete"]:
            break
        after = f"&after={page['next']}"
    assert seen == [0, 1, 2, 3, 4]
    assert page["next"] is None


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1", "after=", "limit=1.0"])
def test_odd_pages_are_refused(jobs: Background, query: str) -> None:
    """With the name of the parameter."""
    place = jobs.post("/v1/jobs", GOOD).headers["Location"]
    reply = jobs.client.get(f"{place}/results?{query}")
    assert (reply.status_code, reply.get_json()["field"]) == (400, query.partition("=")[0])


def test_jobs_are_listed_newest_first(jobs: Background) -> None:
    """Page by page."""
    made = [jobs.post("/v1/jobs", GOOD).get_json()["id"] for _ in range(3)]
    first = jobs.client.get("/v1/jobs?limit=2").get_json()
    rest = jobs.client.get(f"/v1/jobs?limit=2&before={first['next']}").get_json()
    assert sorted(one["id"] for one in first["jobs"] + rest["jobs"]) == sorted(made)
    assert rest["next"] is None
    assert jobs.client.get("/v1/jobs?before=../x").status_code == 400


def test_the_same_key_is_the_same_job(jobs: Background) -> None:
    """Also the place is told again, and another body is a conflict."""
    first = jobs.post("/v1/jobs", GOOD, Idempotency_Key="k1")
    again = jobs.post("/v1/jobs", GOOD, Idempotency_Key='"k1"')
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replay"] == "true"
    other = jobs.post("/v1/jobs", {"items": [GOOD]}, Idempotency_Key="k1")
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")
    assert jobs.post("/v1/jobs", GOOD, Idempotency_Key="").status_code == 400


def test_webhooks_go_to_named_hosts_only(tmp_path: Path) -> None:
    """A host on the list is taken, and its state told."""
    told = Background(tmp_path, webhook_hosts="hooks.example.com")
    url = "https://hooks.example.com/done"
    body = told.post("/v1/jobs", {**GOOD, "webhook": {"url": url}}).get_json()
    assert body["webhook"] == {"url": url, "state": "pending", "attempts": 0}
    for bad in ("https://evil.example/", "http://hooks.example.com/", "https://127.0.0.1/"):
        assert told.post("/v1/jobs", {**GOOD, "webhook": {"url": bad}}).get_json()["field"] == "webhook.url"
    told.close()


def test_a_store_that_cannot_be_reached_is_unavailable(tmp_path: Path) -> None:
    """503 with a time to come back."""
    away = Background(tmp_path / "there")
    reply = away.post("/v1/jobs", GOOD)
    assert (reply.status_code, reply.get_json()["code"]) == (503, "unavailable")
    assert "Retry-After" in reply.headers
    away.close()


def test_without_a_store_there_are_no_jobs(bench: Bench) -> None:
    """`off` is 404, on every path."""
    for method, path in (("POST", "/v1/jobs"), ("GET", "/v1/jobs"), ("GET", "/v1/jobs/ab"), ("DELETE", "/v1/jobs/ab")):
        reply = bench.client.open(path, method=method, json=GOOD if method == "POST" else None)
        assert (reply.status_code, reply.get_json()["code"]) == (404, "not_found")


def test_a_draining_service_takes_no_jobs(jobs: Background) -> None:
    """As with every request for work."""
    jobs.draining = True
    assert jobs.post("/v1/jobs", GOOD).get_json()["code"] == "draining"


# ---- keys ----------------------------------------------------------------------------------------------------------


def test_a_job_is_its_key_s_alone(guarded: Background) -> None:
    """Others get 404, and do not see it in their list."""
    other = {"Authorization": f"Bearer {OTHER}"}
    place = guarded.client.post("/v1/jobs", json=GOOD, headers=BEARER).headers["Location"]
    assert guarded.client.get(place, headers=BEARER).status_code == 200
    for method, path in (("GET", place), ("DELETE", place), ("GET", f"{place}/results")):
        assert guarded.client.open(path, method=method, headers=other).status_code == 404
        assert guarded.client.open(path, method=method).status_code == 401
    assert guarded.client.get("/v1/jobs", headers=other).get_json()["jobs"] == []
    assert len(guarded.client.get("/v1/jobs", headers=BEARER).get_json()["jobs"]) == 1


def test_scopes_hold_for_each_item(guarded: Background) -> None:
    """What the key may not do is that item's error; the only request of a job is refused as a whole."""
    translation = {"task": "translate", "request": {"text": "a", "target": "es"}}
    body = guarded.client.post("/v1/jobs", json={"items": [GOOD, translation]}, headers=BEARER).get_json()
    assert body["progress"]["failed"] == 1
    reply = guarded.client.post("/v1/jobs", json=translation, headers=BEARER)
    assert (reply.status_code, reply.get_json()["code"]) == (403, "forbidden")


def test_characters_are_charged_once_when_a_job_is_accepted(guarded: Background) -> None:
    """Refused items, repeated requests and jobs that do not fit cost nothing."""
    item = {"task": "detect", "request": {"text": "x" * 30}}

    def used() -> int:
        return int(guarded.client.get("/v1/usage", headers=BEARER).get_json()["characters"]["day"])

    headers = {**BEARER, "Idempotency-Key": "k"}
    for _ in range(3):
        body = {"items": [item, item, {"task": "detect", "request": {}}]}
        assert guarded.client.post("/v1/jobs", json=body, headers=headers).status_code == 202
        assert used() == 60
    reply = guarded.client.post("/v1/jobs", json={"items": [item, item]}, headers=BEARER)
    assert (reply.status_code, reply.get_json()["code"]) == (429, "rate_limited")
    assert used() == 60
    assert guarded.client.post("/v1/jobs", json=item, headers=BEARER).status_code == 202
    assert used() == 90
    assert len(guarded.client.get("/v1/jobs", headers=BEARER).get_json()["jobs"]) == 2
