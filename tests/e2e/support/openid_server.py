"""An OpenID provider where people sign in with a browser: the authorization code flow with PKCE, on loopback."""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from support.identity_provider import SigningKey, encode

CLIENT_ID, CLIENT_SECRET = "penstock-client", "client-secret-of-no-value-41"


class OpenIdServer:
    """`people` maps a name to claims. `change` may alter the ID token's claims, or replace the token."""

    def __init__(self, directory, people):
        self.people = people
        self.key, self.other_key = SigningKey(directory, "sign-in"), SigningKey(directory, "other")
        self.change = None
        self.codes = {}
        self.problems = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                where = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(where.query).items()}
                if where.path == "/.well-known/openid-configuration":
                    self.send(200, server.metadata())
                elif where.path == "/keys":
                    self.send(200, {"keys": [server.key.jwk()]})
                elif where.path == "/authorize" and "as" in query:
                    location = server.authorize(query)
                    self.send(302, None, Location=location)
                elif where.path == "/authorize":
                    self.send(200, server.page(query))
                else:
                    self.send(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self.send(*server.redeem(form, self.headers.get("Authorization", "")))

            def send(self, status, answer, **headers):
                kind, content = ("text/html", answer) if isinstance(answer, str) else ("application/json", json.dumps(answer))
                body = content.encode()
                self.send_response(status)
                for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def metadata(self):
        return {"issuer": self.issuer, "jwks_uri": self.issuer + "/keys", "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token"}

    def page(self, query):
        links = "".join(f'<li><a href="/authorize?{html.escape(urlencode({**query, "as": name}))}">{html.escape(name)}</a></li>'
                        for name in self.people)
        return f"<!doctype html><html lang=en><title>Who are you?</title><main><h1>Who are you?</h1><ul>{links}</ul></main></html>"

    def authorize(self, query):
        expected = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        self.problems += [name for name, value in expected.items() if query.get(name) != value]
        self.problems += [name for name in ("state", "nonce", "code_challenge", "redirect_uri") if not query.get(name)]
        if "openid" not in query.get("scope", "").split():
            self.problems.append("scope")
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})

    def redeem(self, form, authorization):
        query = self.codes.pop(form.get("code"), None)
        wanted = "Basic " + base64.b64encode(f"{quote(CLIENT_ID)}:{quote(CLIENT_SECRET)}".encode()).decode()
        if not query or form.get("grant_type") != "authorization_code" or authorization != wanted:
            return 400, {"error": "invalid_grant"}
        challenge = encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if challenge != query["code_challenge"] or form.get("redirect_uri") != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "sub": f"id-of-{query['as']}", "iat": now, "exp": now + 300,
                  "nonce": query["nonce"], "preferred_username": query["as"], **self.people[query["as"]]}
        changed = self.change(claims) if self.change else claims
        token = changed if isinstance(changed, str) else self.key.token(changed)
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}
