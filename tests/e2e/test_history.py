"""The history over HTTP: filters, words, pages, exports, entity tags, other origins' pages, deletion, its description."""

import http.client
import json
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support import openapi, payloads
from support.penstock import API_TOKEN, READ_ONLY_TOKEN, webhook
from support.processes import eventually

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "https://portal.example.com"
DELETING = {"tokens": [{"name": "all", "token": {"secret": "env:API_TOKEN"},
                        "scopes": ["history.read", "history.redeliver", "history.delete"]},
                       {"name": "look", "token": {"secret": "env:READ_ONLY_TOKEN"}, "scopes": ["history.read"]}],
            "cors": {"origins": [ORIGIN]}}


def authorization(token=API_TOKEN):
    return {"Authorization": f"Bearer {token}"}


def push(number, repository="shop", comment=None, branch="main"):
    made = payloads.push([payloads.ref_update(branch, f"{number:040x}")], repository, push_id=number)
    if comment is not None:
        made["resource"]["commits"] = [{"commitId": f"{number:040x}", "comment": comment}]
    return made


@pytest.fixture
def penstock(make_penstock):
    return make_penstock([webhook("one", "one", branch="refs/heads/main", repository="shop",
                                  actionConfiguration={"Branch": "main"})],
                         access=DELETING).start()


def ids(penstock, **query):
    return [d["id"] for d in penstock.all("deliveries", **query)]


def test_pages_stay_the_same_while_deliveries_come_in(penstock):
    expected = [penstock.accept(push(n))["deliveryId"] for n in range(1, 31)][::-1]
    seen, cursor = [], None
    for n in range(100, 200):
        page = penstock.read("/api/v1/deliveries", limit=4, **({"cursor": cursor} if cursor else {}))
        seen += [d["id"] for d in page["deliveries"]]
        cursor = page["nextCursor"]
        if not cursor:
            break
        penstock.accept(push(n))
    assert seen == expected


def test_filters_combine_with_words(penstock):
    fix = penstock.accept(push(1, comment="Fix the Kräne of the harbour (#4711)"))["deliveryId"]
    add = penstock.accept(push(2, comment="Add harbour lights", branch="feature/lights"))["deliveryId"]
    other = penstock.accept(push(3, repository="shop-Web", comment="fix nothing"))["deliveryId"]
    assert ids(penstock, q="fix") == [other, fix]
    assert ids(penstock, q="FIX krane") == [fix]
    assert ids(penstock, q="harb*") == [add, fix]
    assert ids(penstock, q="shop web") == [other]
    assert ids(penstock, q='"the harbour"') == [fix]
    assert ids(penstock, q="fix", repository="SHOP") == [fix]
    assert ids(penstock, q="harbour", ref="refs/heads/feature/lights") == [add]
    assert ids(penstock, q="harbour", outcome="filtered") == [add]
    assert ids(penstock, q="harbour", outcome="filtered", repository="shop-web") == []
    assert ids(penstock, q='OR NEAR( " AND *: NOT {') == []
    for words in ("", "   "):
        answer = penstock.get("/api/v1/deliveries", q=words)
        assert answer.status == (200 if words == "" else 400)


@pytest.mark.parametrize("target, told", [
    ("/api/v1/deliveries?limit=0", "limit"), ("/api/v1/deliveries?limit=501", "from 1 to 500"),
    ("/api/v1/deliveries?outcome=good", "triggered, filtered"), ("/api/v1/deliveries?since=yesterday", "RFC 3339"),
    ("/api/v1/deliveries?repositry=x", 'did you mean \\"repository\\"?'), ("/api/v1/deliveries?cursor=00", "cursor"),
    ("/api/v1/deliveries?repository=%zz", "no percent-encoding"), ("/api/v1/deliveries?q=x*", "at least 2 letters"),
    ("/api/v1/deliveries?outcome=test&outcome=test", "once"), ("/api/v1/jobs?state=done", "claimed, acknowledged"),
    ("/api/v1/jobs?deliveryId=7", "a UUID"), ("/api/v1/jobs?outcome=test", "unknown query parameter"),
    ("/api/v1/deliveries/x?full=1", "unknown query parameter"),
])
def test_bad_parameters_are_told_apart(penstock, target, told):
    answer = penstock.request("GET", target, headers=authorization())
    assert answer.status == 400 and answer.headers["content-type"] == "application/problem+json"
    assert told in answer.text and answer.json()["requestId"] == answer.headers["x-request-id"]
    exported = penstock.request("GET", target, headers={**authorization(), "Accept": "application/x-ndjson"})
    assert exported.status == 400 or "limit" in told or "500" in told


def test_entity_tags_and_head(penstock):
    delivery = penstock.accept(push(1))["deliveryId"]
    eventually("the trigger to come to an end", lambda: penstock.delivery(delivery)["triggers"][0]["attempts"] >= 0)
    for target in ("/api/v1/deliveries?outcome=filtered", "/api/v1/jobs", "/api/v1/deliveries?q=nothing+like+it"):
        answer = penstock.request("GET", target, headers=authorization())
        tag = answer.headers["etag"]
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag) and answer.headers["cache-control"] == "private, no-cache"
        for known in (tag, f'W/{tag}', f'"x", {tag}', "*"):
            again = penstock.request("GET", target, headers={**authorization(), "If-None-Match": known})
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
        for other in ('"x"', "x", "", tag[:-1]):
            assert penstock.request("GET", target, headers={**authorization(), "If-None-Match": other}).status == 200
        # Nobody learns from a tag what he may not read.
        assert penstock.request("GET", target, headers={"If-None-Match": tag}).status == 401
        head = penstock.request("HEAD", target, headers=authorization())
        assert (head.status, head.body, head.headers["etag"]) == (200, b"", tag)
        assert int(head.headers["content-length"]) == len(answer.body)
    tag = penstock.get("/api/v1/deliveries?repository=shop").headers["etag"]
    penstock.accept(push(2))
    assert penstock.request("GET", "/api/v1/deliveries?repository=shop",
                            headers={**authorization(), "If-None-Match": tag}).status == 200


def export(penstock, target):
    answer = penstock.request("GET", target, headers={**authorization(), "Accept": "application/x-ndjson"})
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["transfer-encoding"] == "chunked"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_exports_are_the_pages_line_by_line(penstock):
    for n in range(1, 620):
        penstock.accept(push(n, comment="even" if n % 2 == 0 else "odd"))
    def exported(target):
        return [record["id"] for record in export(penstock, target)]

    assert exported("/api/v1/deliveries?q=odd&eventType=git.push") == ids(penstock, q="odd", eventType="git.push")
    assert len(exported("/api/v1/deliveries")) == 619 and exported("/api/v1/deliveries") == ids(penstock)
    assert exported("/api/v1/jobs") == [job["id"] for job in penstock.all("jobs")]
    head = penstock.request("HEAD", "/api/v1/deliveries", headers={**authorization(), "Accept": "application/x-ndjson"})
    assert (head.status, head.headers["content-type"], head.body) == (200, "application/x-ndjson", b"")


def connect(penstock):
    parts = urlsplit(penstock.url)
    context = ssl.create_default_context(cafile=str(penstock.ca))
    return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=context)


def test_exports_that_nobody_reads_hold_nothing_up(penstock):
    for n in range(1, 400):
        penstock.accept(push(n, branch="b" * 200))
    slow = []
    for _ in range(20):
        connection = connect(penstock)
        connection.request("GET", "/api/v1/deliveries", headers={**authorization(), "Accept": "application/x-ndjson"})
        slow.append(connection)
    # The others are told to come again; pages and deliveries go on.
    statuses = [connection.getresponse().status for connection in slow]
    assert set(statuses) <= {200, 503} and 200 in statuses
    assert penstock.accept(push(1000))["outcome"] in ("triggered", "filtered")
    assert len(ids(penstock)) == 400
    for connection in slow:
        connection.close()
    eventually("an export to be let in again", lambda: penstock.request(
        "GET", "/api/v1/deliveries", headers={**authorization(), "Accept": "application/x-ndjson"}).status == 200)


def test_only_named_origins_may_call_from_a_page(penstock, make_penstock):
    def ask(method, origin, **headers):
        return penstock.request(method, "/api/v1/deliveries", headers={"Origin": origin, **headers})

    answer = ask("GET", ORIGIN, **authorization())
    assert answer.headers["access-control-allow-origin"] == ORIGIN and "Origin" in answer.headers["vary"]
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert ask("GET", ORIGIN).headers["access-control-allow-origin"] == ORIGIN  # of a 401, so that the page can tell
    preflight = ask("OPTIONS", ORIGIN, **{"Access-Control-Request-Method": "GET",
                                          "Access-Control-Request-Headers": "authorization"})
    assert preflight.status == 204 and "Authorization" in preflight.headers["access-control-allow-headers"]
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert penstock.request("OPTIONS", "/api/v1/deliveries/x", headers={}).headers["allow"] == (
        "GET, HEAD, DELETE, OPTIONS")
    for other in ("https://portal.example.com.evil.example", "http://portal.example.com", "null", ORIGIN + "/",
                  ORIGIN.upper(), "https://evil.example", "*", ORIGIN + ":443"):
        for answer in (ask("GET", other, **authorization()),
                       ask("OPTIONS", other, **{"Access-Control-Request-Method": "GET"})):
            assert not [h for h in answer.headers if h.startswith("access-control-")], (other, answer.headers)
    for answer in (answer, preflight):
        assert "access-control-allow-credentials" not in answer.headers
    off = make_penstock([]).start()
    for method in ("GET", "OPTIONS"):
        answer = off.request(method, "/api/v1/deliveries", headers={"Origin": ORIGIN, **authorization(),
                                                                    "Access-Control-Request-Method": "GET"})
        assert not [h for h in answer.headers if h.startswith("access-control-")]


def test_a_deleted_delivery_leaves_nothing_and_starts_nothing_again(penstock):
    secret = "Zebulonquux"
    event = push(7, comment=f"written by {secret}", repository="other", branch=f"users/{secret}")
    other = penstock.accept(push(8, comment="nobody"))["deliveryId"]
    delivery = penstock.accept(event)["deliveryId"]
    assert ids(penstock, q=secret) == [delivery]

    def files():
        return b"".join(p.read_bytes() for p in (penstock.directory / "data").glob("history.db*"))

    assert secret.encode() in files()
    target = f"/api/v1/deliveries/{delivery}"
    for token, status in ((None, 401), (READ_ONLY_TOKEN, 403)):
        headers = authorization(token) if token else {}
        assert penstock.request("DELETE", target, headers=headers).status == status
    assert penstock.request("DELETE", target, headers=authorization()).status == 204
    assert penstock.request("DELETE", target, headers=authorization()).status == 404
    assert penstock.get(target).status == 404
    assert ids(penstock, q=secret) == [] and ids(penstock, repository="other") == []
    eventually("the bytes to be overwritten", lambda: secret.encode() not in files())
    records = eventually("the record of the deletion", lambda: [
        json.loads(line) for line in penstock.log().splitlines() if "delivery deleted" in line])
    assert [(r["principal"], r["delivery"], r["jobs"]) for r in records] == [("all", delivery, 0)]
    assert secret not in penstock.log()
    repeated = penstock.accept(event)
    assert repeated["outcome"] == "duplicate"
    assert penstock.delivery(other)["id"] == other


def test_what_is_unfinished_is_not_deleted(make_penstock, repository):
    # Nobody answers at AWS's address, so that the trigger waits.
    penstock = make_penstock([webhook("erased", "erased", branch="refs/heads/main", actionConfiguration={"Branch": "main"})],
                             access=DELETING, environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).start()
    answer = penstock.accept(push(1, repository=repository.name))
    assert answer["outcome"] == "triggered"
    delivery = answer["deliveryId"]
    answer = penstock.request("DELETE", f"/api/v1/deliveries/{delivery}", headers=authorization())
    assert answer.status == 409 and "come again later" in answer.json()["detail"]
    assert penstock.delivery(delivery)["id"] == delivery


def test_jobs_are_found_by_what_they_belong_to(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("searched", "main", repository.name)
    penstock = make_penstock([webhook("searched", "searched")], access=DELETING).start()
    delivery = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))["deliveryId"]
    job, = eventually("the job to be done", lambda: penstock.all("jobs", state="succeeded", pipeline="searched"))
    for query in ({"deliveryId": delivery}, {"actionType": job["actionType"], "state": "succeeded", "deliveryId": delivery},
                  {"pipelineExecutionId": job["pipelineExecutionId"]}, {"since": job["claimedAt"], "pipeline": "searched"},
                  {"deliveryId": delivery.upper(), "actionType": job["actionType"], "pipeline": "searched"}):
        assert penstock.all("jobs", **query) == [job], query
    for query in ({"until": job["claimedAt"], "pipeline": "searched"}, {"actionType": "x"}, {"deliveryId": job["id"]},
                  {"deliveryId": delivery, "state": "failed"}):
        assert penstock.all("jobs", **query) == [], query
    # With the delivery go its job and the job's log.
    eventually("the delivery to be done with", lambda: penstock.request(
        "DELETE", f"/api/v1/deliveries/{delivery}", headers=authorization()).status == 204)
    assert penstock.get(f"/api/v1/jobs/{job['id']}").status == 404
    assert penstock.get(f"/api/v1/jobs/{job['id']}/log").status == 404


def test_the_description_has_all_routes_and_the_routes_all_of_it(penstock):
    pattern = re.compile(r'(?:\.route|\.route_async|\badd)\("(GET|POST|DELETE|PUT|PATCH)", "(/[^"]*)"')
    routes = set()
    for source in (ROOT / "server").glob("*.cc"):
        routes |= set(pattern.findall(source.read_text()))
    described = {(method.upper(), path) for path, item in openapi.DESCRIPTION["paths"].items()
                 for method in item if method in ("get", "post", "delete", "put", "patch")}
    assert routes and routes <= described, f"not in server/openapi.json: {sorted(routes - described)}"
    for method, path in described:
        asked = re.sub(r"\{[^}]*\}", "x", path)
        answer = penstock.request("OPTIONS", asked)
        assert method in answer.headers.get("allow", ""), f"described, but not there: {method} {path}"
    served = penstock.request("GET", "/openapi.json").json()
    assert served == openapi.DESCRIPTION


def test_the_description_is_valid_and_its_references_lead_somewhere():
    def references(part):
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    for reference in references(openapi.DESCRIPTION):
        openapi.resolve({"$ref": reference})
    for name, schema in openapi.DESCRIPTION["components"]["schemas"].items():
        openapi.Draft202012Validator.check_schema(schema), name
    for path, item in openapi.DESCRIPTION["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["responses"], (method, path)
            named = {p["name"] for p in map(openapi.resolve, [*item.get("parameters", []),
                                                              *operation.get("parameters", [])]) if p["in"] == "path"}
            assert named == set(re.findall(r"\{([^}]*)\}", path)), (method, path)
