"""The program under test: its configuration, its process, its HTTP interface."""

import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote, urlencode

from support import openapi, payloads, web
from support.processes import Process, eventually, free_port

BUILD = Path(os.environ.get("PENSTOCK_BUILD", Path(__file__).resolve().parents[3] / "build/dev"))
PROGRAM = BUILD / "bin/penstock"

# Sanitizer builds and a busy machine are slower; waiting longer costs nothing when all is well.
PATIENCE = float(os.environ.get("PENSTOCK_E2E_PATIENCE", "60"))

HOOK_PASSWORD = "hook-password-1f0c"
API_TOKEN = "api-token-93ab"
READ_ONLY_TOKEN = "api-token-read-77d2"
GIT_PASSWORD = "git-password-58e1"
SECRETS = (HOOK_PASSWORD, API_TOKEN, READ_ONLY_TOKEN, GIT_PASSWORD)

ACTION_TYPE = {"category": "Source", "owner": "Custom", "provider": "AzureDevOpsRepo", "version": "1"}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def run(*arguments, env=None, data=None, timeout=60):
    """The penstock command line to its end, as a CompletedProcess with text."""
    return subprocess.run([str(PROGRAM), *map(str, arguments)], input=data, env=env, capture_output=True, text=True,
                          timeout=timeout, check=False)


def base_configuration(directory, remote, certificate=None):
    """Settings for one endpoint, one worker and two API tokens; tests change what they are about."""
    server = {"listen": f"127.0.0.1:{free_port()}", "drainTimeout": "20s"}
    if certificate:
        server["tls"] = {"certificate": str(certificate.certificate), "privateKey": str(certificate.private_key)}
    return {
        "dataDirectory": str(Path(directory) / "data"),
        "server": server,
        "endpoints": {"azure-devops": {"authentication": [
            {"type": "BASIC", "username": "azure", "password": {"secret": "env:HOOK_PASSWORD"}}]}},
        "webhooks": [],
        "workers": [{
            "actionType": dict(ACTION_TYPE),
            "handler": "git-source",
            "remote": remote,
            "branch": "{Branch}",
            "credentials": "azure",
            "concurrency": 4,
            "timeout": "2m",
            "pollInterval": {"idle": "1s", "busy": "100ms"},
        }],
        "credentials": {"azure": {"type": "PAT", "token": {"secret": "env:GIT_PASSWORD"}}},
        "unclaimedJobTimeout": "5m",
        "access": {"tokens": [
            {"name": "ops", "token": {"secret": "env:API_TOKEN"}, "scopes": ["history.read", "history.redeliver"]},
            {"name": "look", "token": {"secret": "env:READ_ONLY_TOKEN"}, "scopes": ["history.read"]}]},
        "log": {"level": "debug", "format": "json"},
    }


def webhook(name, pipeline, branch=None, repository=None, **members):
    filters = [{"jsonPath": "$.resource.refUpdates..name", "matchEquals": branch or "refs/heads/{Branch}"}]
    if repository:
        filters.append({"jsonPath": "$.resource.repository.name", "matchEquals": repository})
    return {"name": name, "endpoint": "azure-devops", "targetPipeline": pipeline, "targetAction": "Source",
            "filters": filters, **members}


class Penstock:
    """`penstock serve` with a configuration of its own. start() after kill() continues on the same data and port."""

    def __init__(self, directory, configuration, environment, ca=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.configuration = configuration
        self.ca = ca
        self.config_file = self.directory / "penstock.yaml"
        self.write_configuration()
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
            "HOOK_PASSWORD": HOOK_PASSWORD, "API_TOKEN": API_TOKEN, "READ_ONLY_TOKEN": READ_ONLY_TOKEN,
            "GIT_PASSWORD": GIT_PASSWORD, **environment,
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        self.process = None
        self.launcher = []  # what the program's command line begins with

    def write_configuration(self):
        # JSON is YAML.
        self.config_file.write_text(json.dumps(self.configuration, indent=1))

    @property
    def url(self):
        scheme = "https" if "tls" in self.configuration["server"] else "http"
        return f"{scheme}://{self.configuration['server']['listen']}"

    @property
    def log_path(self):
        return self.directory / "penstock.log"

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, wait=True):
        if self.process:
            self.process.close()
        self.process = Process([*self.launcher, PROGRAM, "serve", "--config", self.config_file], self.log_path, env=self.environment)
        if wait:
            eventually("penstock serve answering /healthz", self.healthy, PATIENCE, 0.02)
        return self

    def healthy(self):
        self.process.expect_running()
        try:
            return self.request("GET", "/healthz", timeout=5).status == 200
        except OSError:
            return False

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def crash(self, chance):
        """kill -9 and a start; now and then it is killed again while it starts and recovers."""
        self.process.expect_running()
        self.process.kill()
        while chance.random() < 0.15:
            self.start(wait=False)
            time.sleep(chance.uniform(0.0, 0.15))
            self.process.kill()
        self.start()

    def close(self):
        if self.process:
            self.process.close()

    # HTTP

    def request(self, method, target, body=None, headers=None, timeout=30.0):
        answer = web.request(method, self.url + target, body, headers, self.ca, timeout)
        openapi.check(method, target, answer.status, answer.headers, answer.body)
        return answer

    def post_hook(self, payload, password=HOOK_PASSWORD, endpoint="azure-devops", headers=None, timeout=30.0):
        """POSTs a payload (or raw bytes) as Azure DevOps does; without a password when that is None."""
        body = payload if isinstance(payload, bytes) else payloads.encode(payload)
        sent = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "VSServices/19.259.36301.1"}
        if password is not None:
            sent["Authorization"] = basic("azure", password)
        sent.update(headers or {})
        return self.request("POST", f"/hooks/{endpoint}", body, sent, timeout)

    def accept(self, payload, **options):
        """post_hook() that must be answered 200; its JSON."""
        answer = self.post_hook(payload, **options)
        assert answer.status == 200, (answer.status, answer.text)
        return answer.json()

    def get(self, target, token=API_TOKEN, **query):
        if query:
            target += "?" + urlencode(query)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.request("GET", target, headers=headers)

    def read(self, target, **query):
        answer = self.get(target, **query)
        assert answer.status == 200, (target, answer.status, answer.text)
        return answer.json()

    def delivery(self, identifier):
        return self.read(f"/api/v1/deliveries/{quote(identifier)}")

    def all(self, kind, **query):
        """Every record of /api/v1/KIND, through all pages."""
        found, cursor = [], None
        while True:
            page = self.read(f"/api/v1/{kind}", limit=200, **query, **({"cursor": cursor} if cursor else {}))
            found += page[kind]
            cursor = page.get("nextCursor")
            if not cursor:
                return found

    def redeliver(self, identifier, token=API_TOKEN, body=b""):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.request("POST", f"/api/v1/deliveries/{identifier}/redeliver", body, headers)

    def command(self, *arguments, token=API_TOKEN):
        """A command of the program that speaks with this server, as a CompletedProcess."""
        trust = {"SSL_CERT_FILE": str(self.ca)} if self.ca else {}
        return run(*arguments, "--server", self.url, env={**self.environment, **trust, "PENSTOCK_TOKEN": token})

    # Waiting

    def started(self, delivery_id, count=1, timeout=None):
        """The triggers of a delivery once all `count` of them are started."""
        def look():
            triggers = self.delivery(delivery_id)["triggers"]
            failed = [t for t in triggers if t["state"] == "failed"]
            assert not failed, failed
            return triggers if sum(t["state"] == "started" for t in triggers) == count else None
        return eventually(f"{count} started triggers of {delivery_id}", look, timeout or PATIENCE)

    def finished_job(self, execution, timeout=None):
        """The job of an execution once it has succeeded or failed."""
        def look():
            for job in self.all("jobs"):
                if job["pipelineExecutionId"] == execution and job["state"] in ("succeeded", "failed", "lost"):
                    return self.read(f"/api/v1/jobs/{job['id']}")
            return None
        return eventually(f"the job of execution {execution} to finish", look, timeout or PATIENCE)

    def job_log(self, identifier):
        answer = self.get(f"/api/v1/jobs/{identifier}/log")
        assert answer.status == 200, answer.text
        return answer.text
