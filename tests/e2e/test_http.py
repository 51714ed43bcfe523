"""Statuses of the receiver and of the history API, as senders, readers and strangers see them."""

import hashlib
import hmac
import http.client
import json
import socket
import ssl

import pytest

from support import payloads
from support.penstock import HOOK_PASSWORD, READ_ONLY_TOKEN, basic, webhook

COMMIT = "0f" * 20


def a_push(**options):
    return payloads.push([payloads.ref_update("main", COMMIT)], **options)


def is_problem(answer, status):
    assert answer.status == status, (answer.status, answer.text)
    assert answer.headers["content-type"].startswith("application/problem+json"), answer.headers
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["requestId"] == answer.headers["x-request-id"]
    return problem


@pytest.fixture
def penstock(make_penstock):
    return make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})]).start()


def test_statuses_of_hooks(penstock):
    assert penstock.post_hook(a_push()).status == 200
    refused = penstock.post_hook(a_push(), password="wrong")
    is_problem(refused, 401)
    assert "basic" in refused.headers["www-authenticate"].lower()
    is_problem(penstock.post_hook(a_push(), password=None), 401)
    is_problem(penstock.post_hook(a_push(), password=None, headers={"Authorization": "Basic !!!"}), 401)
    is_problem(penstock.post_hook(a_push(), password=None,
                                  headers={"Authorization": basic("someone", HOOK_PASSWORD)}), 401)
    is_problem(penstock.post_hook(a_push(), endpoint="nothing"), 404)
    is_problem(penstock.post_hook(b"this is not JSON"), 400)
    is_problem(penstock.post_hook(b""), 400)
    is_problem(penstock.post_hook(b'{"eventType":"git.push","x":"\xff"}'), 400)
    is_problem(penstock.post_hook(b'{"padding":"' + b"x" * (5 << 20) + b'"}'), 413)
    assert penstock.request("GET", "/hooks/azure-devops").status in (404, 405)
    assert penstock.request("GET", "/nothing").status == 404
    assert penstock.request("GET", "/healthz").status == 200
    assert penstock.request("GET", "/readyz").status == 200


def test_unauthenticated_bodies_are_not_kept(penstock):
    penstock.post_hook({**a_push(), "marker": "body-of-a-stranger"}, password="wrong")
    rejected = penstock.all("deliveries", outcome="rejected")
    assert len(rejected) == 1
    assert "body-of-a-stranger" not in json.dumps(penstock.delivery(rejected[0]["id"]))
    assert "wrong" not in json.dumps(penstock.delivery(rejected[0]["id"])["request"]["headers"])


def test_header_and_hmac_authentication(make_penstock):
    penstock = make_penstock([], environment={"OLD": "old-secret-1", "NEW": "new-secret-2", "KEY": "hmac-key"}, endpoints={
        "header": {"authentication": [
            {"type": "HEADER", "name": "X-Penstock-Token", "value": {"secret": "env:OLD"}},
            {"type": "HEADER", "name": "X-Penstock-Token", "value": {"secret": "env:NEW"}}]},
        "signed": {"authentication": [{"type": "HMAC", "header": "X-Hub-Signature-256", "algorithm": "sha256",
                                       "secret": {"secret": "env:KEY"}}]},
        "open": {"authentication": "UNAUTHENTICATED"},
        "elsewhere": {"authentication": "UNAUTHENTICATED", "allowedIpRanges": ["192.0.2.0/24"]},
    }).start()

    def status(endpoint, body=None, **headers):
        return penstock.post_hook(body or a_push(), None, endpoint, {k.replace("_", "-"): v for k, v in headers.items()}).status

    assert [status("header", X_Penstock_Token=value) for value in ("old-secret-1", "new-secret-2", "other", "")] == [
        200, 200, 401, 401]
    body = payloads.encode(a_push())
    good = hmac.new(b"hmac-key", body, hashlib.sha256).hexdigest()
    assert status("signed", body, X_Hub_Signature_256="sha256=" + good) == 200
    assert status("signed", body + b" ", X_Hub_Signature_256="sha256=" + good) == 401
    assert status("signed", body) == 401
    assert status("open") == 200
    assert status("elsewhere") == 403
    # Nobody is a trusted proxy here, so what the sender says of itself counts for nothing.
    assert status("elsewhere", X_Forwarded_For="192.0.2.7") == 403


def test_trusted_proxy_names_the_sender(make_penstock):
    penstock = make_penstock([], server={"trustedProxies": ["127.0.0.0/8"]}, endpoints={"open": {
        "authentication": "UNAUTHENTICATED", "allowedIpRanges": ["192.0.2.0/24"]}}).start()

    def send(forwarded):
        return penstock.post_hook(a_push(), None, "open", {"X-Forwarded-For": forwarded})

    accepted = send("198.51.100.1, 192.0.2.7")
    assert accepted.status == 200
    assert penstock.delivery(accepted.json()["deliveryId"])["remoteAddress"] == "192.0.2.7"
    assert send("192.0.2.7, 198.51.100.1").status == 403
    assert send("192.0.2.7, nonsense").status in (400, 403)


def test_history_is_closed_without_a_token(penstock):
    delivery = penstock.accept(a_push())["deliveryId"]
    for target in ("/api/v1/deliveries", f"/api/v1/deliveries/{delivery}", "/api/v1/jobs", "/api/v1/jobs/x",
                   "/api/v1/jobs/x/log"):
        is_problem(penstock.get(target, token=None), 401)
        is_problem(penstock.get(target, token="not-a-token"), 401)
    is_problem(penstock.redeliver(delivery, token=None), 401)
    is_problem(penstock.redeliver(delivery, token=READ_ONLY_TOKEN), 403)
    assert penstock.get("/api/v1/deliveries", token=READ_ONLY_TOKEN).status == 200
    is_problem(penstock.get("/api/v1/deliveries/019a0000-0000-7000-8000-000000000000"), 404)


def test_history_without_configured_access(make_penstock):
    penstock = make_penstock([], access=None).start()
    assert penstock.get("/api/v1/deliveries").status in (401, 403)


def test_paging_and_filters(penstock):
    sent = [penstock.accept(a_push(repository=f"repo-{n % 3}"))["deliveryId"] for n in range(25)]
    seen, cursor, pages = [], None, 0
    while True:
        page = penstock.read("/api/v1/deliveries", limit=7, **({"cursor": cursor} if cursor else {}))
        assert len(page["deliveries"]) <= 7
        seen += [d["id"] for d in page["deliveries"]]
        cursor, pages = page.get("nextCursor"), pages + 1
        if pages == 2:
            penstock.accept(a_push())  # what comes in meanwhile does not shift the pages
        if not cursor:
            break
    assert seen == sent[::-1]
    assert pages == 4
    assert len(penstock.all("deliveries", repository="repo-1")) == 8
    assert len(penstock.all("deliveries", outcome="filtered")) == 26
    assert penstock.all("deliveries", ref="refs/heads/other") == []
    since = penstock.delivery(sent[20])["receivedAt"]
    assert len(penstock.all("deliveries", since=since)) == 6
    for wrong in ({"limit": "0"}, {"limit": "many"}, {"cursor": "garbage"}, {"outcome": "nothing"}, {"since": "yesterday"}):
        is_problem(penstock.get("/api/v1/deliveries", **wrong), 400)


def test_many_requests_on_one_connection(penstock, authority):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    host, port = penstock.configuration["server"]["listen"].split(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=context)
    for _ in range(20):
        connection.request("POST", "/hooks/azure-devops", payloads.encode(a_push()),
                           {"Authorization": basic("azure", HOOK_PASSWORD), "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def test_old_tls_and_plain_http_are_refused(penstock):
    host, port = penstock.configuration["server"]["listen"].split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection((host, int(port)), 10) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain)
    with socket.create_connection((host, int(port)), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        plain.settimeout(10)
        try:
            assert b"200 OK" not in plain.recv(4096)
        except OSError:
            pass
    assert penstock.request("GET", "/healthz").status == 200
