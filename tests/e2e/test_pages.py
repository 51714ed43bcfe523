"""The pages, as browsers and as those who mean harm see them."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from support import payloads
from support.openid_server import CLIENT_ID, CLIENT_SECRET, OpenIdServer
from support.penstock import API_TOKEN, PATIENCE, READ_ONLY_TOKEN, webhook
from support.processes import eventually

HOSTILE = '<img src=x onerror=alert(1)>"\'><script>alert(2)</script>'
HOSTILE_REF = "refs/heads/<script>alert(4)</script>\"onmouseover=alert(5)//"
SCOPES = ["history.read", "history.redeliver"]


@pytest.fixture
def provider(tmp_path):
    made = OpenIdServer(tmp_path, {"ann": {"roles": SCOPES}, "bob": {"roles": ["history.read"]}})
    yield made
    made.close()


def test_somebody_asks_why(sandbox, make_penstock, provider, repository, browser):
    sandbox.create_pipeline("shop", repository=repository.name)
    sandbox.create_pipeline("gone", branch="gone", repository=repository.name)
    server = make_penstock([webhook("shop-main", "shop", "refs/heads/main", "shop"),
                            webhook("gone", "gone", "refs/heads/gone", "shop")],
                           environment={"CLIENT_SECRET": CLIENT_SECRET})
    server.configuration["server"]["publicUrl"] = server.url
    server.configuration["access"]["signIn"] = {
        "issuer": provider.issuer, "clientId": CLIENT_ID, "clientSecret": {"secret": "env:CLIENT_SECRET"}}
    server.write_configuration()
    server.start()

    hostile = payloads.push([payloads.ref_update(HOSTILE_REF, "2" * 40)], HOSTILE)
    hostile["resource"]["commits"][0]["comment"] = HOSTILE
    hostile["resource"]["pushedBy"]["displayName"] = HOSTILE
    hostile["resource"]["repository"]["remoteUrl"] = "javascript:alert(3)//dev.azure.com/_git/"
    hostile_id = server.accept(hostile, headers={"X-Hostile": HOSTILE, "User-Agent": HOSTILE})["deliveryId"]
    server.accept(payloads.push([payloads.ref_update("topic", "1" * 40)], "docs-site"))
    broken = server.accept(payloads.push([payloads.ref_update("gone", "3" * 40)], "shop"))["deliveryId"]
    failed = server.finished_job(server.started(broken)[0]["pipelineExecutionId"])
    assert failed["state"] == "failed"
    commit = repository.commit({"a": b"1"})
    started = server.accept(payloads.push([payloads.ref_update("main", commit)], "shop"))["deliveryId"]
    server.started(started)

    browser.run("pages", PENSTOCK_URL=server.url, HOSTILE_DELIVERY=hostile_id, FAILED_JOB=failed["id"])
    # The one that was asked for by the button.
    assert len([d for d in server.all("deliveries") if d["redeliveryOf"] == started]) == 1


ROUTES = ["/", "/deliveries", "/deliveries/x", "/deliveries/x/redeliver", "/triggers/x/release", "/jobs", "/jobs/x", "/api/v1/deliveries",
          "/api/v1/deliveries/x", "/api/v1/deliveries/x/redeliver", "/api/v1/deliveries/x/explain", "/api/v1/triggers/x/release",
          "/api/v1/jobs", "/api/v1/jobs/x", "/api/v1/jobs/x/log", "/metrics"]
OPEN = ["/healthz", "/readyz", "/openapi.json", "/sign-in"]
# These have their own answers to strangers: hooks and events their own credentials (below), the others test_sign_in.py and the files of pages.
OTHERS = ["/hooks/x", "/events/x", "/sign-in/start", "/password-sign-in", "/sign-out", "/assets/x"]
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
# What asks for another scope than history.read.
CHANGES = re.compile(r"/(redeliver|release)$|^/metrics$")
ROOT = Path(__file__).resolve().parents[2]


def test_the_lists_of_routes_are_complete():
    registered = set()
    for file in (ROOT / "server").rglob("*.cc"):
        registered |= {re.sub(r"\{\w+\}", "x", path) for path in re.findall(r'"(?:GET|POST|PUT|DELETE)", "(/[^"]*)"', file.read_text())}
    assert registered == {*ROUTES, *OPEN, *OTHERS}


def test_hooks_and_events_with_every_verb(make_penstock):
    closed = {"authentication": [{"type": "BASIC", "username": "azure", "password": {"secret": "env:HOOK_PASSWORD"}}]}
    server = make_penstock([], endpoints={"x": closed}, events={"endpoints": {"x": closed}}).start()
    for route in ("/hooks/x", "/events/x"):
        for verb in VERBS:
            for authorization in (None, f"Bearer {API_TOKEN}", "Basic YXp1cmU6d3Jvbmc="):
                headers = {"Authorization": authorization} if authorization else {}
                answer = server.request(verb, route, None if verb in ("GET", "HEAD", "OPTIONS", "TRACE") else b"{}", headers)
                expected = (401,) if verb == "POST" else (405, 501) if verb != "OPTIONS" else (204, 405)
                assert answer.status in expected, (verb, route, authorization, answer.status)


def test_every_route_with_every_verb(make_penstock, tmp_path):
    import time

    from support.identity_provider import IdentityProvider
    identity = IdentityProvider(tmp_path)
    try:
        server = make_penstock([], access={
            "tokens": [{"name": "look", "token": {"secret": "env:READ_ONLY_TOKEN"}, "scopes": ["history.read"]},
                       {"name": "ops", "token": {"secret": "env:API_TOKEN"}, "scopes": ["metrics.read"]}],
            "jwt": {"issuer": identity.issuer, "audience": "penstock", "jwks": identity.issuer + "/keys"}}).start()
        expired = identity.token(exp=int(time.time()) - 1, scp=[*SCOPES, "metrics.read"])
        seen = 0
        for route in ROUTES:
            for verb in VERBS:
                wrong = READ_ONLY_TOKEN if CHANGES.search(route) or verb == "DELETE" else API_TOKEN
                for token in (None, wrong, expired, "x"):
                    headers = {"Authorization": f"Bearer {token}"} if token else {}
                    answer = server.request(verb, route, None if verb in ("GET", "HEAD", "OPTIONS", "TRACE") else b"", headers)
                    seen += 1
                    refused = (403,) if token == wrong else (401,)
                    allowed = (*refused, 405, 501) if verb != "OPTIONS" else (*refused, 204)
                    assert answer.status in allowed, (verb, route, token, answer.status)
                    assert answer.headers["x-content-type-options"] == "nosniff"
                    assert "access-control-allow-origin" not in answer.headers
        assert seen == len(ROUTES) * len(VERBS) * 4
        for route in OPEN:
            assert server.request("GET", route).status in (200, 503), route
    finally:
        identity.close()


def test_headers_of_pages_and_files(make_penstock):
    server = make_penstock([]).start()
    page = server.get("/deliveries")
    policy = page.headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                 "form-action 'self'"):
        assert part in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store" and page.headers["x-frame-options"] == "DENY"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page.text)
    files = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text))
    assert len(files) == 3
    for name in files:
        file = server.request("GET", name)
        assert file.status == 200 and "immutable" in file.headers["cache-control"], name
        again = server.request("GET", name, headers={"If-None-Match": file.headers["etag"]})
        assert again.status == 304 and not again.body
        packed = server.request("GET", name, headers={"Accept-Encoding": "gzip, br"})
        assert packed.headers.get("content-encoding") in (None, "gzip")


@pytest.mark.parametrize("path", ["../penstock.yaml", "..%2fpenstock.yaml", "%2e%2e%2fdata%2fhistory.db", "..", "%00", "penstock.css",
                                  "....//", "%5c..%5cx"])
def test_no_way_out_of_the_files(make_penstock, path):
    server = make_penstock([]).start()
    for folder in ("/assets/", "/deliveries/", "/jobs/"):
        assert server.get(folder + path).status in (400, 404), (folder, path)


def test_addresses_do_not_make_headers(make_penstock):
    server = make_penstock([]).start()
    for value in ("a\r\nSet-Cookie: x=1", "a\nX-Injected: 1", "\u2028"):
        for target in (f"/sign-in?returnTo=/{quote(value)}", f"/deliveries?repository={quote(value)}", f"/deliveries/{quote(value)}"):
            answer = server.get(target)
            assert "set-cookie" not in answer.headers and "x-injected" not in answer.headers, (target, answer.headers)


def test_words_find_deliveries(make_penstock):
    server = make_penstock([]).start()
    found = payloads.push([payloads.ref_update("main", "1" * 40)], "crane")
    found["resource"]["commits"][0]["comment"] = "Widen the quay for larger cranes"
    wanted = server.accept(found)["deliveryId"]
    other = server.accept(payloads.push([payloads.ref_update("main", "2" * 40)], "ferry"))["deliveryId"]

    def listed():
        page = server.get("/deliveries", q="quay larg*").text
        return page if wanted in page else None
    # The index is written a moment after the delivery.
    page = eventually("the words to be indexed", listed, PATIENCE)
    assert other not in page and 'value="quay larg*"' in page
    assert "No delivery fits these filters" in server.get("/deliveries", q="submarine").text
    assert server.get("/deliveries", q="***").status == 400


def test_live_statistics_follow(make_penstock):
    server = make_penstock([]).start()
    server.accept(payloads.push([payloads.ref_update("topic", "1" * 40)]))
    eventually("the overview to count it", lambda: re.search(r"Deliveries</p><p class=\"figure\">1<", server.get("/").text), PATIENCE)
