"""Who may read the history: tokens of an identity provider, static tokens, passwords; the answers and the audit log."""

import base64
import json
import subprocess
import time

import pytest

from support.identity_provider import IdentityProvider, SigningKey, encode_json
from support.penstock import API_TOKEN, PATIENCE, READ_ONLY_TOKEN, basic, run
from support.processes import eventually

DELIVERIES = "/api/v1/deliveries"
EMAIL = [{"scope": "email", "httpVerb": "GET", "resource": "/api/v1/deliveries"}]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    made = IdentityProvider(tmp_path_factory.mktemp("provider"))
    yield made
    made.close()


def jwt(provider, **members):
    return {"issuer": provider.issuer, "audience": "penstock", "jwks": provider.issuer + "/keys", "permissions": EMAIL,
            **members}


def with_access(make_penstock, access, **settings):
    return make_penstock([], access={
        "tokens": [{"name": "ops", "token": {"secret": "env:API_TOKEN"}, "scopes": ["history.read", "history.redeliver"]},
                   {"name": "look", "token": {"secret": "env:READ_ONLY_TOKEN"}, "scopes": ["history.read"]}],
        **access}, **settings)


def audit(penstock, count):
    """The first audit records, once there are so many."""
    def look():
        records = [json.loads(line) for line in penstock.log().splitlines() if '"level":"audit"' in line]
        return records if len(records) >= count else None
    return eventually(f"{count} audit records", look, PATIENCE)


def test_the_worked_example(make_penstock, provider):
    penstock = with_access(make_penstock, {"jwt": jwt(provider)}).start()
    good = provider.token()
    answer = penstock.get(DELIVERIES, token=good)
    assert answer.status == 200, answer.text
    asked = list(provider.requests)

    refused = {
        "expired": (provider.token(exp=int(time.time()) - 1), 401),
        "wrong audience": (provider.token(aud="another"), 401),
        "wrong issuer": (provider.token(iss="https://evil.example"), 401),
        "unsigned": (encode_json({"alg": "none"}) + "." + encode_json(provider.claims()) + ".e30", 401),
        "wrong scope": (provider.token(scp=["openid"]), 403),
        "not a JWT": ("ThisIsNotAJWT", 401),
        "no header": (None, 401),
    }
    challenges = {}
    for name, (token, status) in refused.items():
        answer = penstock.get(DELIVERIES, token=token)
        assert answer.status == status, (name, answer.status, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        challenges[name] = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope", scope="email"' in challenges["wrong scope"]
    assert "error" not in challenges["no header"]
    assert len({challenges[name] for name in ("expired", "wrong audience", "wrong issuer", "unsigned", "not a JWT")}) == 1
    explicit = penstock.get(DELIVERIES, token=refused["wrong scope"][0])
    assert "explicit deny" in explicit.json()["detail"] and "email" in explicit.json()["detail"]
    # The same token elsewhere, and for another verb.
    assert penstock.get("/api/v1/jobs", token=good).status == 403
    assert penstock.redeliver("019a0000-0000-7000-8000-000000000000", token=good).status == 403
    assert provider.requests == asked, "known keys were asked for again"

    records = audit(penstock, 10)
    reasons = [record["reason"] for record in records]
    for reason in ("expired", "another audience", "an unknown token", "no credential", "no scope of it allows this"):
        assert reason in reasons, (reason, reasons)
    assert all(record["verdict"] == "deny" and record["requestId"] and record["verb"] and record["resource"]
               for record in records)
    assert {record["principal"] for record in records} == {"", "ann"}
    log = penstock.log()
    for token, _ in (*refused.values(), (good, 200)):
        assert token is None or (token not in log and token.split(".")[-1] not in log)


def test_keys_rotate_and_the_provider_may_be_down(make_penstock, provider):
    first = provider.token()
    # Found by discovery.
    penstock = with_access(make_penstock, {"jwt": jwt(provider, jwks=None, cacheTtl="0")}).start()
    assert penstock.get(DELIVERIES, token=first).status == 200
    provider.is_down = True
    assert penstock.get(DELIVERIES, token=first).status == 200
    stranger = SigningKey(penstock.directory, "unknown").token(provider.claims())
    assert penstock.get(DELIVERIES, token=stranger).status in (401, 503)
    assert penstock.get(DELIVERIES, token=provider.token()).status == 200
    provider.is_down = False
    provider.rotate()
    rotated = provider.token()
    # At most one request in ten seconds, and more rarely after failures.
    eventually("the new key to be known", lambda: penstock.get(DELIVERIES, token=rotated).status == 200, PATIENCE, 0.5)
    assert penstock.get(DELIVERIES, token=first).status == 401, "its key was withdrawn"
    asked = len(provider.requests)
    for _ in range(20):
        assert penstock.get(DELIVERIES, token=stranger).status in (401, 503)
    assert len(provider.requests) <= asked + 4, "a stranger's key id makes us ask too often"


def test_without_any_known_key_clients_are_told_to_come_again(make_penstock, tmp_path):
    provider = IdentityProvider(tmp_path)
    provider.is_down = True
    penstock = with_access(make_penstock, {"jwt": jwt(provider, keys={"timeout": "1s"})}).start()
    answer = penstock.get(DELIVERIES, token=provider.token())
    assert answer.status == 503 and answer.headers["retry-after"]
    assert penstock.get(DELIVERIES, token=API_TOKEN).status == 200
    provider.close()


def test_a_policy_ends_with_its_token(make_penstock, provider):
    penstock = with_access(make_penstock, {"jwt": jwt(provider, cacheTtl="5m")}).start()
    end = int(time.time()) + 4
    token = provider.token(exp=end)
    assert penstock.get(DELIVERIES, token=token).status == 200
    eventually("its end", lambda: time.time() >= end, 10)
    assert penstock.get(DELIVERIES, token=token).status == 401


def test_several_providers_keys_from_files_and_revocation(make_penstock, provider, tmp_path):
    key = SigningKey(tmp_path, "file")
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [key.jwk()]}))
    (tmp_path / "public.pem").write_bytes(key.public_pem())
    access = {"jwt": [jwt(provider),
                      {"issuer": "set", "audience": ["x", "penstock"], "jwks": f"file:{tmp_path}/keys.json"},
                      {"issuer": "pem", "audience": "penstock", "jwks": f"file:{tmp_path}/public.pem", "scopeClaim": "groups",
                       "permissions": [{"scope": "readers", "httpVerb": "GET", "resource": "/api/v1/*"},
                                       {"scope": "guests", "httpVerb": "*", "resource": "/api/v1/jobs*", "effect": "deny"}]}]}
    penstock = with_access(make_penstock, access).start()
    assert penstock.get(DELIVERIES, token=provider.token()).status == 200
    # Without a document of its own the routes' scopes count.
    of_set = key.token(provider.claims(iss="set", scp="history.read", jti="one"))
    other = key.token(provider.claims(iss="set", scp="history.read", jti="two"))
    assert penstock.get(DELIVERIES, token=of_set).status == penstock.get("/api/v1/jobs", token=other).status == 200
    assert penstock.get(DELIVERIES, token=key.token(provider.claims(iss="set", scp="email"))).status == 403
    of_pem = key.token(provider.claims(iss="pem", groups=["readers", "guests"]))
    assert penstock.get(DELIVERIES, token=of_pem).status == 200
    denied = penstock.get("/api/v1/jobs", token=of_pem)
    assert denied.status == 403 and "explicit deny" in denied.json()["detail"]
    assert penstock.get("/api/v1/%6Aobs", token=of_pem).status in (403, 404)

    access["jwt"][1]["revoked"] = {"jti": ["one"]}
    penstock.configuration["access"].update(access)
    penstock.write_configuration()
    penstock.reload()
    eventually("the revocation", lambda: penstock.get(DELIVERIES, token=of_set).status == 401, PATIENCE)
    assert penstock.get(DELIVERIES, token=other).status == 200


def test_people_with_passwords(make_penstock):
    made = run("password-digest", data="correct horse\n")
    assert made.returncode == 0 and made.stdout.startswith("$scrypt$") and "horse" not in made.stdout
    penstock = with_access(make_penstock, {"basic": [
        {"username": "ann", "digest": made.stdout.strip(), "scopes": ["history.read"]}]}).start()

    def status(user, password, target=DELIVERIES):
        return penstock.request("GET", target, headers={"Authorization": basic(user, password)})

    assert status("ann", "correct horse").status == 200
    assert status("ann", "correct horse", "/metrics").status == 403
    wrong, unknown = status("ann", "wrong"), status("bob", "correct horse")
    assert wrong.status == unknown.status == 401
    assert {k: v for k, v in wrong.json().items() if k != "requestId"} == {
        k: v for k, v in unknown.json().items() if k != "requestId"}
    assert "basic" in wrong.headers["www-authenticate"].lower()
    limited = [status("ann", f"guess-{n}").status for n in range(40)]
    assert set(limited) == {401, 429}, limited
    assert status("ann", "correct horse").status == 200, "whoever was let in before stays so"
    assert penstock.get(DELIVERIES).status == 200
    log = penstock.log()
    assert "correct horse" not in log and base64.b64encode(b"ann:correct horse").decode() not in log


def test_metrics_and_changes_are_guarded_and_audited(make_penstock, provider):
    penstock = with_access(make_penstock, {"jwt": jwt(provider, permissions=[
        {"scope": "scrape", "httpVerb": "GET", "resource": "/metrics"}])}).start()
    assert penstock.get("/metrics", token=None).status == 401
    assert penstock.get("/metrics", token=READ_ONLY_TOKEN).status == 403
    assert penstock.get("/metrics", token=provider.token()).status == 403
    assert penstock.get("/metrics", token=provider.token(scp="scrape")).status == 200
    assert penstock.redeliver("019a0000-0000-7000-8000-000000000000").status == 404
    records = audit(penstock, 4)
    assert [record["verdict"] for record in records] == ["deny", "deny", "deny", "allow"]
    assert records[-1]["principal"] == "ops" and records[-1]["verb"] == "POST"


def test_check_says_what_is_wrong_with_access(tmp_path):
    (tmp_path / "private.pem").write_bytes(subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ED25519"], check=True, capture_output=True).stdout)
    secret = "looks-like-a-password"
    configuration = tmp_path / "penstock.yaml"
    configuration.write_text(f"""
access:
  jwt:
    - issuer: https://id.example
      jwks: "http://id.example/keys"
      algorithms: [HS256]
      tokenPattern: "("
      permissions: [{{scope: a, httpVerb: get, resource: "/x?y"}}]
    - {{issuer: other, audience: a}}
  basic: [{{username: ann, digest: {secret}, scopes: [history.read]}}]
  tokens: [{{name: t, sha256: {secret}, scopes: [history.reed]}}]
""")
    said = run("check", "--config", configuration)
    assert said.returncode == 78
    for line in (":5: access.jwt[0].jwks: expected https://", ":4: access.jwt[0].audience: expected", ":6: access.jwt[0].algorithms[0]: expected RS256",
                 ":7: access.jwt[0].tokenPattern: expected", ":8: access.jwt[0].permissions[0].httpVerb: expected",
                 ":8: access.jwt[0].permissions[0].resource: expected", ":9: access.jwt[1].jwks: expected where the keys are",
                 ":10: access.basic[0].digest: expected", ":11: access.tokens[0].sha256: expected", ":11: access.tokens[0].scopes[0]: expected"):
        assert line in said.stderr, (line, said.stderr)
    assert secret not in said.stderr + run("config", "--config", configuration).stdout
    configuration.write_text(f"access: {{jwt: {{issuer: i, audience: a, jwks: 'file:{tmp_path}/private.pem'}}}}\n")
    said = run("check", "--config", configuration)
    assert said.returncode == 78 and "private key" in said.stderr and ":1: access.jwt.jwks" in said.stderr
