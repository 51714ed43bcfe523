"""Signing in with a browser, and proxies that have authenticated people already."""

import http.client
import json
import ssl
import time
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from support import payloads
from support.openid_server import CLIENT_ID, CLIENT_SECRET, OpenIdServer
from support.penstock import PATIENCE, webhook
from support.processes import eventually

SESSION, PENDING = "__Host-penstock-session", "__Host-penstock-sign-in"


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    made = OpenIdServer(tmp_path_factory.mktemp("provider"), {
        "ann": {"roles": ["history.read", "history.redeliver"]}, "bob": {"roles": ["history.read"]}, "cid": {}})
    yield made
    made.close()


@pytest.fixture
def penstock(make_penstock, provider):
    server = make_penstock([webhook("shop-main", "shop", "refs/heads/main")],
                           environment={"CLIENT_SECRET": CLIENT_SECRET})
    server.configuration["server"]["publicUrl"] = server.url
    server.configuration["access"]["signIn"] = {
        "issuer": provider.issuer, "clientId": CLIENT_ID, "clientSecret": {"secret": "env:CLIENT_SECRET"}}
    server.write_configuration()
    provider.change = None
    return server.start()


class Visitor:
    """A browser's cookies, and nothing more of it."""

    def __init__(self, penstock):
        self.penstock, self.cookies = penstock, {}

    def request(self, method, target, body=None, **headers):
        parts = urlsplit(self.penstock.url)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30,
                                                 context=ssl.create_default_context(cafile=str(self.penstock.ca)))
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, target, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
        finally:
            connection.close()
        answer.set_cookies = answer.headers.get_all("Set-Cookie") or []
        for cookie in answer.set_cookies:
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
        return answer

    def get(self, target, **headers):
        return self.request("GET", target, **headers)

    def begin(self, target="/deliveries"):
        """To the provider and back with a code; the address that the provider sends the browser to."""
        answer = self.get("/sign-in/start?" + urlencode({"returnTo": target}))
        assert answer.status == 303, answer.text
        return answer.headers["Location"]

    def come_back(self, provider, location, name):
        """What the provider's answer leads to."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}
        back = urlsplit(provider.authorize({**query, "as": name}))
        return self.get(f"{back.path}?{back.query}")

    def sign_in(self, provider, name="ann", target="/deliveries"):
        return self.come_back(provider, self.begin(target), name)


def audit(penstock, message, count=1):
    def look():
        records = [json.loads(line) for line in penstock.log().splitlines() if '"level":"audit"' in line]
        found = [record for record in records if message in json.dumps(record)]
        return found if len(found) >= count else None
    return eventually(f"{count} audit records: {message}", look, PATIENCE)


def form_token(page):
    return page.split('name="formToken" value="')[1].split('"')[0]


def test_signing_in_and_out(penstock, provider):
    visitor = Visitor(penstock)
    answer = visitor.get("/deliveries?ref=main")
    assert answer.status == 303 and answer.headers["Location"] == "/sign-in?returnTo=%2Fdeliveries%3Fref%3Dmain"
    assert "Sign in with 127.0.0.1" in visitor.get(answer.headers["Location"]).text
    assert visitor.get("/api/v1/deliveries").status == 401, "the API says so itself"

    answer = visitor.sign_in(provider, target="/deliveries?ref=main")
    assert answer.status == 303 and answer.headers["Location"] == "/deliveries?ref=main", answer.text
    assert provider.problems == []
    session, = (cookie for cookie in answer.set_cookies if cookie.startswith(SESSION))
    attributes = {part.strip() for part in session.split(";")[1:]}
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= attributes, session
    assert PENDING not in visitor.cookies, "it is of use once"

    page = visitor.get("/deliveries")
    assert page.status == 200 and ">ann<" in page.text
    assert visitor.get("/api/v1/deliveries").status == 200
    record, = audit(penstock, '"signed in"')
    assert record["principal"] == "ann (id-of-ann)"

    token = visitor.cookies[SESSION]
    assert visitor.request("POST", "/sign-out", "formToken=1.x").status == 403
    assert visitor.get("/deliveries").status == 200
    left = visitor.request("POST", "/sign-out", urlencode({"formToken": form_token(page.text)}),
                           Origin=penstock.url)
    assert left.status == 303 and SESSION not in visitor.cookies
    audit(penstock, '"signed out"')
    visitor.cookies[SESSION] = token
    assert visitor.get("/deliveries").status == 303, "the session itself is over, not the cookie alone"


def test_what_scopes_are_worth(penstock, provider):
    bob, cid = Visitor(penstock), Visitor(penstock)
    bob.sign_in(provider, "bob")
    cid.sign_in(provider, "cid")
    assert cid.get("/deliveries").status == 403
    assert "Sign out" in cid.get("/deliveries").text
    delivery = penstock.accept(payloads.push([payloads.ref_update("topic", "1" * 40)]))["deliveryId"]
    assert "Redeliver</button>" not in bob.get(f"/deliveries/{delivery}").text
    body = urlencode({"formToken": form_token(bob.get("/deliveries").text)})
    assert bob.request("POST", f"/deliveries/{delivery}/redeliver", body, Origin=penstock.url).status == 403
    ann = Visitor(penstock)
    ann.sign_in(provider, "ann")
    page = ann.get(f"/deliveries/{delivery}").text
    assert "Redeliver</button>" in page
    # Another's form, another site's page, and one that does not say whose it is.
    mine = urlencode({"formToken": form_token(page)})
    redeliver = f"/deliveries/{delivery}/redeliver"
    assert ann.request("POST", redeliver, body, Origin=penstock.url).status == 403
    assert ann.request("POST", redeliver, mine, Origin="https://evil.example").status == 403
    assert ann.request("POST", redeliver, mine, Origin="null").status == 403
    assert ann.request("POST", redeliver, mine, Origin=penstock.url, Sec_Fetch_Site="same-site").status == 403
    assert ann.request("POST", redeliver, mine).status == 403
    assert ann.request("POST", f"/api/v1{redeliver}", "", Origin="https://evil.example").status == 403
    assert ann.request("POST", f"/api/v1{redeliver}", "").status == 403
    done = ann.request("POST", redeliver, mine, Origin=penstock.url)
    assert done.status == 303 and done.headers["Location"].endswith("?done=redelivered"), done.text
    assert len(penstock.all("deliveries")) == 2


HOSTILE = {
    "another nonce": lambda p, claims: {**claims, "nonce": "x"},
    "no nonce": lambda p, claims: {k: v for k, v in claims.items() if k != "nonce"},
    "another audience": lambda p, claims: {**claims, "aud": "somebody"},
    "two audiences and no party": lambda p, claims: {**claims, "aud": [CLIENT_ID, "somebody"]},
    "another party": lambda p, claims: {**claims, "azp": "somebody"},
    "another issuer": lambda p, claims: {**claims, "iss": "https://evil.example"},
    "expired": lambda p, claims: {**claims, "exp": int(time.time()) - 1},
    "of the future": lambda p, claims: {**claims, "iat": int(time.time()) + 3600},
    "nobody": lambda p, claims: {k: v for k, v in claims.items() if k != "sub"},
    "another key": lambda p, claims: p.other_key.token(claims, kid=p.key.key_id),
    "unsigned": lambda p, claims: p.key.token(claims, alg="none").rsplit(".", 1)[0] + ".",
    "no token": lambda p, claims: "x",
}


def test_id_tokens_that_do_not_hold(penstock, provider):
    for name, change in HOSTILE.items():
        provider.change = lambda claims, change=change: change(provider, claims)
        visitor = Visitor(penstock)
        answer = visitor.sign_in(provider)
        assert answer.status == 403, (name, answer.status)
        assert SESSION not in visitor.cookies, name
    provider.change = None
    assert len(audit(penstock, "sign-in refused", len(HOSTILE))) == len(HOSTILE)


def test_sign_ins_of_others(penstock, provider):
    """Nobody is signed in as somebody else: not by a code, a state or a cookie of another browser."""
    mallory, victim = Visitor(penstock), Visitor(penstock)
    location = mallory.begin()
    assert victim.come_back(provider, location, "cid").status == 400, "a browser that began nothing"
    victim.begin()
    assert victim.come_back(provider, location, "cid").status == 400, "a state of another browser"
    assert SESSION not in victim.cookies
    # A session that was planted is not the one that somebody is signed in with.
    mallory.sign_in(provider, "cid")
    planted = mallory.cookies[SESSION]
    victim.cookies[SESSION] = planted
    assert victim.sign_in(provider, "ann").status == 303
    assert victim.cookies[SESSION] != planted
    # A code is good once.
    query = {k: v[0] for k, v in parse_qs(urlsplit(victim.begin()).query).items()}
    back = urlsplit(provider.authorize({**query, "as": "ann"}))
    cookie = victim.cookies[PENDING]
    assert victim.get(f"{back.path}?{back.query}").status == 303
    victim.cookies[PENDING] = cookie
    assert victim.get(f"{back.path}?{back.query}").status == 403


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example",
                                    "javascript:alert(1)", "/sign-in"])
def test_nobody_is_sent_elsewhere(penstock, provider, target):
    visitor = Visitor(penstock)
    answer = visitor.sign_in(provider, target=target)
    assert answer.status == 303 and answer.headers["Location"] == "/"
    assert "a" not in visitor.cookies
    page = visitor.get("/sign-in?returnTo=" + quote(target, safe=""))
    assert "evil.example" not in page.text and "javascript:" not in page.text


def test_a_provider_that_is_down(penstock, provider, make_penstock):
    server = make_penstock([], environment={"CLIENT_SECRET": CLIENT_SECRET})
    server.configuration["server"]["publicUrl"] = server.url
    server.configuration["access"]["signIn"] = {"issuer": "http://127.0.0.1:9", "clientId": CLIENT_ID}
    server.write_configuration()
    server.start()
    assert Visitor(server).get("/sign-in/start").status == 503
    assert server.get("/api/v1/deliveries").status == 200, "tokens go on"


def test_headers_of_a_proxy(make_penstock):
    proxy = {"user": "X-Auth-Request-User", "scopes": "X-Auth-Request-Groups"}
    access = {"tokens": [{"name": "ops", "token": {"secret": "env:API_TOKEN"}, "scopes": ["history.read"]}], "proxy": proxy}
    headers = {"X-Auth-Request-User": "ann", "X-Auth-Request-Groups": "history.read,staff"}
    trusting = make_penstock([], access=access, server={"trustedProxies": ["127.0.0.1/32"]}).start()
    assert trusting.request("GET", "/deliveries", headers=headers).status == 200
    assert trusting.request("GET", "/api/v1/deliveries", headers=headers).status == 200
    assert trusting.request("GET", "/deliveries", headers={**headers, "X-Auth-Request-Groups": "staff"}).status == 403
    assert trusting.request("GET", "/deliveries", headers={**headers, "Authorization": "Bearer wrong"}).status == 401
    assert trusting.request("GET", "/deliveries").status == 401
    parts = urlsplit(trusting.url)
    connection = http.client.HTTPSConnection(parts.hostname, parts.port,
                                             context=ssl.create_default_context(cafile=str(trusting.ca)))
    connection.putrequest("GET", "/deliveries")
    for name, value in [*headers.items(), ("x-auth-request-user", "bob")]:
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 401, "a user that is named twice"
    connection.close()
    wary = make_penstock([], access=access, server={"trustedProxies": ["192.0.2.0/24"]}).start()
    assert wary.request("GET", "/deliveries", headers=headers).status == 401
