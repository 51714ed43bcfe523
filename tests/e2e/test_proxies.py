"""Behind nginx, HAProxy and Caddy: whose request it was, connections that are used again, 503, large bodies."""

import contextlib
import http.client
import json
import sqlite3
import ssl
from pathlib import Path

import pytest

from support import payloads, proxies, web
from support.penstock import API_TOKEN, HOOK_PASSWORD, basic, webhook
from support.processes import eventually
from support.raw import authority as address_of

CLIENT = "127.0.0.2"  # also of this machine, but not the address that the proxies connect from
COMMIT = "0f" * 20


class Client:
    """Posts hooks from CLIENT over one connection to a proxy."""

    def __init__(self, url, ca):
        host, port = address_of(url)
        self._connection = http.client.HTTPSConnection(host, port, timeout=60, source_address=(CLIENT, 0),
                                                       context=ssl.create_default_context(cafile=str(ca)))

    def close(self):
        self._connection.close()

    def post(self, payload, headers=None):
        self._connection.request("POST", "/hooks/azure-devops", payloads.encode(payload), {
            "Content-Type": "application/json", "Authorization": basic("azure", HOOK_PASSWORD), **(headers or {})})
        answer = self._connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def a_push(**members):
    return {**payloads.push([payloads.ref_update("main", COMMIT)]), **members}


def connections_to(port):
    """Client ports of all connections to a local port that are open, or were until a moment ago."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if int(remote.rpartition(":")[2], 16) == port and state != "0A":
            found.add(int(local.rpartition(":")[2], 16))
        if int(local.rpartition(":")[2], 16) == port and state != "0A":
            found.add(int(remote.rpartition(":")[2], 16))
    return found


def expect_all(penstock, proxy):
    client = Client(proxy.url, penstock.ca)
    with contextlib.closing(client):
        # The address is the client's, whatever it claims.
        status, _, body = client.post(a_push(), {"X-Forwarded-For": "203.0.113.9"})
        assert status == 200, body
        delivery = penstock.delivery(json.loads(body)["deliveryId"])
        assert delivery["remoteAddress"] == CLIENT
        # Forty requests need few connections to us.
        _, port = address_of(penstock.url)
        before = connections_to(port)
        for _ in range(40):
            status, _, body = client.post(a_push())
            assert status == 200, body
        fresh = connections_to(port) - before
        assert len(fresh) <= 8, f"{len(fresh)} connections for 40 requests"
        # 2 MB, what Azure DevOps sends at most.
        large = a_push(padding="x" * (2 << 20))
        status, _, body = client.post(large)
        assert status == 200, body
        delivery = penstock.delivery(json.loads(body)["deliveryId"])
        assert delivery["request"]["bodyBytes"] == len(payloads.encode(large))
        # Too large is too large behind a proxy, too, and the proxy survives it.
        status, _, _ = client.post(a_push(padding="x" * (3 << 20)))
        assert status == 413
    # 503 and Retry-After reach the sender while another program holds the database, and 200 afterwards.
    with contextlib.closing(Client(proxy.url, penstock.ca)) as client:
        with contextlib.closing(sqlite3.connect(Path(penstock.configuration["dataDirectory"]) / "history.db",
                                                isolation_level=None, timeout=30)) as database:
            database.execute("BEGIN IMMEDIATE")
            status, headers, body = client.post(a_push())
            assert status == 503, (status, body)
            assert int(headers["retry-after"]) > 0
            database.execute("ROLLBACK")
        eventually("200 once the database is free", lambda: client.post(a_push())[0] == 200)
    proxy.process.expect_running()


@pytest.mark.parametrize("kind", [proxies.nginx, proxies.haproxy, proxies.caddy], ids=lambda kind: kind.__name__)
def test_behind(kind, make_penstock, tmp_path, certificate):
    penstock = make_penstock(
        [webhook("none", "none", actionConfiguration={"Branch": "nobody"})],
        server={"tls": None, "trustedProxies": ["127.0.0.1/32"], "maxBodyBytes": "3MiB"}).start()
    (tmp_path / "proxy").mkdir()
    with kind(tmp_path / "proxy", penstock.configuration["server"]["listen"], certificate) as proxy:
        expect_all(penstock, proxy)


def test_behind_a_proxy_that_speaks_the_proxy_protocol(make_penstock, tmp_path, certificate, authority):
    penstock = make_penstock(
        [webhook("none", "none", actionConfiguration={"Branch": "nobody"})],
        server={"trustedProxies": ["127.0.0.1/32"], "maxBodyBytes": "3MiB", "proxyProtocol": True}).start(wait=False)
    (tmp_path / "proxy").mkdir()
    with proxies.haproxy_tcp(tmp_path / "proxy", penstock.configuration["server"]["listen"], certificate) as proxy:
        ca = authority.certificate

        def get(target, token=API_TOKEN):
            return web.request("GET", proxy.url + target, headers={"Authorization": f"Bearer {token}"}, ca=ca)

        def healthy():
            penstock.process.expect_running()
            try:
                return get("/healthz").status == 200
            except OSError:
                return False
        eventually("penstock serve answering through the proxy", healthy)
        for padding in (0, 2 << 20):
            with contextlib.closing(Client(proxy.url, ca)) as client:
                push = a_push(padding="x" * padding)
                status, _, body = client.post(push, {"X-Forwarded-For": "203.0.113.9"})
                assert status == 200, body
            delivery = get(f"/api/v1/deliveries/{json.loads(body)['deliveryId']}").json()
            assert delivery["remoteAddress"] == CLIENT
            assert delivery["request"]["bodyBytes"] == len(payloads.encode(push))
        # Who is trusted to name others has to do so.
        with pytest.raises(OSError):
            penstock.request("GET", "/healthz", timeout=30)
