"""Secrets go in wherever something can be put in; then every output is searched for each of them: logs in both formats, the history and the
files beside it, every answer of the HTTP interface, metrics, and what the commands print."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from urllib.parse import quote

import pytest

from support import payloads
from support.commands import PYTHON, action, create_pipeline, create_type, script, start, worker
from support.identity_provider import IdentityProvider
from support.penstock import GIT_PASSWORD, PATIENCE, basic, run, webhook
from support.processes import eventually
from support.sandbox import SECRET_KEY

# Prints whatever a command can get hold of of its job.
BLABBER = """\
    import json, os, sys
    text = sys.stdin.read()
    job = json.loads(text)["CodePipeline.job"]
    print(text)
    print(text, file=sys.stderr)
    for value in job["data"]["artifactCredentials"].values():
        print("credential", value, file=sys.stderr)
    open(os.environ["KEPT"], "w").write(json.dumps(job["data"]["artifactCredentials"]))
    sys.exit("failed with " + job["data"]["artifactCredentials"]["secretAccessKey"])
"""


class Secrets(dict):
    """Secrets by name, each unlike anything else."""

    def make(self, name):
        return self.setdefault(name, f"{name}-{secrets.token_hex(12)}")

    def check(self, where, content):
        data = content if isinstance(content, bytes) else content.encode()
        for name, secret in self.items():
            for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"="), quote(secret, safe="").encode(),
                         base64.b64encode(b"azure:" + secret.encode()).rstrip(b"=")):
                assert form not in data, f"the secret {name} is in {where}: …{context(data, form)}…"


def context(data, form):
    at = data.index(form)
    return data[max(0, at - 120):at + len(form) + 40]


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    made = IdentityProvider(tmp_path_factory.mktemp("provider"))
    yield made
    made.close()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_secret_comes_out_again(sandbox, make_penstock, provider, repository, git_http, tmp_path, log_format):
    known = Secrets({"git-token": GIT_PASSWORD})
    sandbox.configure(continuationDelaySeconds=0.2)
    types = {t["id"]["provider"] for t in sandbox.codepipeline.list_action_types(actionOwnerFilter="Custom")["actionTypes"]}
    if "Blabber" not in types:
        create_type(sandbox, "Source", "Blabber", inputs=(0, 0), outputs=(1, 1))
    name = f"secrets-{log_format}"
    sandbox.create_pipeline(name, repository=repository.name)
    sandbox.secrets.create_secret(Name=f"harbour/{name}", SecretString=json.dumps({"hmac": known.make("hmac-key")}))
    create_pipeline(sandbox, f"blab-{log_format}", [
        ("Source", [action("Source", "Source", "Blabber", outputs=["Code"], configuration={"Task": "blab"})]),
        ("Build", [action("Deploy", "Deploy", "S3", ["Code"], owner="AWS", configuration={
            "BucketName": "harbour-artifacts", "Extract": "false", "ObjectKey": "x"})])])
    kept = tmp_path / "kept"
    penstock = make_penstock(
        [webhook(name, name, repository=repository.name), webhook(f"{name}-none", f"no-such-{name}", repository="nothing",
                                                                  actionConfiguration={"Branch": "main"})],
        environment={
            "HOOK_PASSWORD": known.make("hook-password"), "HEADER_TOKEN": known.make("header-token"),
            "API_TOKEN": known.make("api-token"),
            "READ_ONLY_TOKEN": known.make("read-token"), "UNUSED": known.make("unused-variable"),
            "AWS_SESSION_TOKEN": "", "SSL_KEY_PASSWORD": known.make("environment")},
        endpoints={"azure-devops": {"authentication": [
            {"type": "BASIC", "username": "azure", "password": {"secret": "env:HOOK_PASSWORD"}},
            {"type": "HEADER", "name": "X-Penstock-Token", "value": {"secret": "env:HEADER_TOKEN"}},
            {"type": "HMAC", "header": "X-Hub-Signature-256", "algorithm": "sha256",
             "secret": {"secret": f"secretsmanager:harbour/{name}#hmac"}}]}},
        log={"level": "debug", "format": log_format})
    penstock.configuration["workers"].append(worker(
        "Source", "Blabber", [PYTHON, script(tmp_path / "blab.py", BLABBER)], environment=["PATH", f"KEPT={kept}"]))
    penstock.configuration["access"]["jwt"] = {"issuer": provider.issuer, "audience": "penstock", "jwks": provider.issuer + "/keys",
                                               "permissions": [{"scope": "history.read", "httpVerb": "GET", "resource": "/api/*"}]}
    penstock.write_configuration()
    penstock.start()
    ops, answers = known["api-token"], []

    def ask(method, target, body=None, **headers):
        answers.append((f"{method} {target.split('?')[0]}", penstock.request(method, target, body, headers)))
        return answers[-1][1]

    # Pushes with each kind of credential, good and wrong, and secrets in every other place of a request.
    repository.commit({"README.md": b"redacted\n"})
    push = payloads.push([payloads.ref_update("main", repository.head())], repository.name)

    def post(event=push, **headers):
        return ask("POST", "/hooks/azure-devops", payloads.encode(event), **{"Content-Type": "application/json", **headers})

    good = post(Authorization=basic("azure", known["hook-password"]))
    assert good.status == 200, good.text
    assert post(**{"X-Penstock-Token": known["header-token"]}).status == 200
    body = payloads.encode(push)
    signature = hmac.new(known["hmac-key"].encode(), body, hashlib.sha256).hexdigest()
    assert ask("POST", "/hooks/azure-devops", body, **{"X-Hub-Signature-256": f"sha256={signature}"}).status == 200
    stranger = {"Authorization": basic("azure", known.make("strangers-password")), "Cookie": "session=" + known.make("cookie"),
                "X-Api-Key": known.make("api-key-header"), "X-Penstock-Token": known.make("wrong-header-token"),
                "Proxy-Authorization": "Basic " + base64.b64encode(known.make("proxy-password").encode()).decode(),
                "X-Amz-Security-Token": known.make("amz-token"), "Private-Token": known.make("private-token")}
    assert post(**stranger).status == 401
    assert post(Authorization="Bearer " + known.make("strangers-bearer")).status == 401
    assert ask("POST", "/hooks/azure-devops", json.dumps({"password": known.make("strangers-body")}).encode()).status == 401
    assert ask("POST", f"/hooks/azure-devops?access_token={known.make('query-of-a-hook')}", b"{}").status == 401
    assert ask("POST", "/hooks/another", b"{}", Authorization=basic("azure", known.make("of-another-endpoint"))).status == 404
    # Let in, and with more than it needed.
    also = {key: value for key, value in stranger.items() if key not in ("Authorization", "X-Penstock-Token")}
    assert post(Authorization=basic("azure", known["hook-password"]), **also).status == 200

    # The history's own credentials, good and wrong.
    token = provider.token(scp=["history.read"], note=known.make("claim"))
    for bearer, status in ((ops, 200), (known["read-token"], 200), (token, 200), (known.make("wrong-bearer"), 401),
                           (provider.token(aud="another", note=known.make("claim-of-a-refused-token")), 401)):
        assert ask("GET", "/api/v1/deliveries?limit=5", Authorization=f"Bearer {bearer}").status == status
    known["jwt"] = token.split(".")[2]
    assert ask("GET", "/api/v1/deliveries", Authorization=basic("ada", known.make("wrong-person"))).status == 401
    assert ask("GET", f"/api/v1/deliveries?token={known.make('query-of-the-api')}").status == 401
    assert ask("GET", f"/api/v1/deliveries?colour={known.make('unknown-parameter')}").status == 401

    # Jobs: one with git, one whose command prints all that it has; and git refused.
    trigger = eventually("the pipeline to be started", lambda: next((t for t in penstock.request(
        "GET", f"/api/v1/deliveries/{good.json()['deliveryId']}", headers={"Authorization": f"Bearer {ops}"}).json()["triggers"]
        if t["state"] == "started"), None), PATIENCE)
    blabbed = start(sandbox, f"blab-{log_format}")

    def jobs_of(execution):
        page = penstock.request("GET", f"/api/v1/jobs?pipelineExecutionId={execution}",
                                headers={"Authorization": f"Bearer {ops}"}).json()["jobs"]
        return page and page[0]["state"] in ("succeeded", "failed", "lost") and page[0]

    job = eventually("the job", lambda: jobs_of(trigger["pipelineExecutionId"]), PATIENCE)
    assert job["state"] == "succeeded", job
    assert eventually("the talkative job", lambda: jobs_of(blabbed), PATIENCE)["state"] == "failed"
    credentials = json.loads(kept.read_text())
    assert credentials["secretAccessKey"] and credentials["sessionToken"]
    known["job-secret-key"], known["job-session-token"] = credentials["secretAccessKey"], credentials["sessionToken"]
    known["aws-secret-key"] = SECRET_KEY

    # A configuration with a secret in plain sight is refused without being quoted.
    literal = json.loads(json.dumps(penstock.configuration))
    literal["credentials"]["azure"]["token"] = known.make("literal-token")
    literal["endpoints"]["azure-devops"]["authentication"][0]["password"] = known.make("literal-password")
    literal["access"]["tokens"][0]["token"] = {"secret": known.make("literal-reference")}
    penstock.config_file.write_text(json.dumps(literal))
    penstock.reload()
    eventually("the reload to be refused", lambda: "nothing was changed" in penstock.log(), PATIENCE)
    outputs = {}
    for command in (["check", "--config", penstock.config_file], ["config", "--config", penstock.config_file]):
        done = run(*command, env=penstock.environment)
        assert done.returncode == 78
        outputs[f"penstock {command[0]}, refused"] = done.stdout + done.stderr
    penstock.write_configuration()
    for command in (["check", "--config", penstock.config_file], ["config", "--config", penstock.config_file],
                    ["explain", "--config", penstock.config_file, "--delivery", good.json()["deliveryId"]],
                    ["artifact", "--repository", f"{git_http.https_url}/a/b/_git/none", "--revision", "main", "--output",
                     tmp_path / "a.zip", "--config", penstock.config_file, "--credentials", "azure"],
                    ["artifact", "--repository", f"https://ada:{known.make('password-of-an-address')}@127.0.0.1:1/x",
                     "--revision", "main", "--output", tmp_path / "a.zip"],
                    ["redeliver", "019a0000-0000-7000-8000-000000000000", "--server",
                     f"https://ada:{known.make('password-of-a-server')}@127.0.0.1:1"]):
        done = run(*command, env={**penstock.environment, "PENSTOCK_TOKEN": ops})
        outputs[f"penstock {command[0]}"] = done.stdout + done.stderr

    # Everything that can be asked for.
    for target in ("/metrics", "/readyz", "/healthz", "/openapi.json", "/", "/jobs", "/api/v1/deliveries?limit=200", "/api/v1/jobs"):
        ask("GET", target, Authorization=f"Bearer {ops}")
    deliveries = penstock.request("GET", "/api/v1/deliveries?limit=200", headers={"Authorization": f"Bearer {ops}"}).json()
    assert len(deliveries["deliveries"]) >= 8
    for delivery in deliveries["deliveries"]:
        whole = ask("GET", f"/api/v1/deliveries/{delivery['id']}", Authorization=f"Bearer {ops}").json()
        if delivery["outcome"] == "rejected":
            assert whole["request"]["body"] is None
        ask("GET", f"/deliveries/{delivery['id']}", Authorization=f"Bearer {ops}")
    for row in penstock.request("GET", "/api/v1/jobs", headers={"Authorization": f"Bearer {ops}"}).json()["jobs"]:
        for target in (f"/api/v1/jobs/{row['id']}", f"/api/v1/jobs/{row['id']}/log", f"/jobs/{row['id']}"):
            ask("GET", target, Authorization=f"Bearer {ops}")
    arguments = b""
    for process in os.listdir("/proc"):
        if process.isdigit():
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    arguments += file.read()
            except OSError:
                pass

    for where, answer in answers:
        known.check(f"the answer to {where}", answer.body + json.dumps(answer.headers).encode())
    for where, text in outputs.items():
        known.check(where, text)
    known.check("the arguments of a process", arguments)
    penstock.process.kill()  # what was not written to its place is in the files beside it
    known.check("the log", penstock.log())
    assert len(penstock.log().splitlines()) > 20
    searched = 0
    for path in (penstock.directory / "data").rglob("*"):
        if path.is_file():
            searched += 1
            known.check(path.relative_to(penstock.directory), path.read_bytes())
    assert searched > 5
    penstock.start()
