"""The programs that are compared, each started with a configuration and a folder of its own."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import load

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build/release")) / "bin"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory):
    certificate, key = Path(directory) / "tls.crt", Path(directory) / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
                    "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


class Server:
    """A running program; a context manager that kills it and its children at the end."""

    def __init__(self, argv, directory, url, environment=None):
        self.url = url
        self.log_path = Path(directory) / "log"
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [str(argument) for argument in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", **(environment or {})},
                start_new_session=True, preexec_fn=lambda: _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))

    @property
    def pid(self):
        return self._process.pid

    group = pid  # start_new_session makes it one

    def log(self):
        return self.log_path.read_text(errors="replace")[-3000:]

    def wait_until_ready(self, timeout=20.0):
        """Until a push is answered 200; its answer."""
        deadline = time.monotonic() + timeout
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._process.args[0]} ended with {self._process.returncode}: {self.log()}")
            try:
                return post(self.url)
            except OSError as error:
                if time.monotonic() > deadline or isinstance(error, urllib.error.HTTPError):
                    raise RuntimeError(f"{self._process.args[0]} does not answer: {error}: {self.log()}") from error
                time.sleep(0.02)

    def terminate(self, timeout=30.0):
        self._process.terminate()
        return self._process.wait(timeout)

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def post(url):
    context = None
    if url.startswith("https:"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, load.example(), {
        "Content-Type": "application/json", "Authorization": load.AUTHORIZATION}, method="POST")
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        return answer.read().decode()


class SilentEndpoint:
    """An AWS endpoint that takes connections and never answers.

    Starting pipelines is not what is measured here. The starters wait for this endpoint until they time out, so that
    triggers stay pending and cost next to nothing.
    """

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(1024)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


NGINX_AWS = """
  map $request_id $execution {{
    "~^(?<a>.{{8}})(?<b>.{{4}})(?<c>.{{4}})(?<d>.{{4}})(?<e>.{{12}})$" $a-$b-$c-$d-$e;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      default_type application/x-amz-json-1.1;
      if ($http_x_amz_target ~ StartPipelineExecution) {{ return 200 '{{"pipelineExecutionId":"$execution"}}'; }}
      return 400 '{{"__type":"PipelineNotFoundException","message":"only starts are answered here"}}';
    }}
  }}
"""

NGINX = """
daemon off;
worker_processes {workers};
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {directory}/client;
  fastcgi_temp_path {directory}/fastcgi;
  proxy_temp_path {directory}/proxy;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
{servers}
}}
"""


def _nginx(directory, url, servers, workers):
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "nginx.conf"
    configuration.write_text(NGINX.format(directory=directory, servers=servers, workers=workers))
    return Server(["/usr/sbin/nginx", "-p", directory, "-c", configuration, "-e", directory / "error.log"], directory, url)


def answering_endpoint(directory):
    """An AWS endpoint, nginx, that answers every StartPipelineExecution with a new execution id."""
    port = free_port()
    return _nginx(Path(directory), f"http://127.0.0.1:{port}", NGINX_AWS.format(port=port), 1)


def webhook_definitions(count):
    """`count` definitions like those of a team with many repositories; the last one matches load.REPOSITORY."""
    found = []
    for number in range(count - 1):
        repository = f"service-{number:03}"
        filters = [{"jsonPath": "$.resource.refUpdates..name", "matchEquals": "refs/heads/{Branch}"}]
        if number % 5 == 3:
            filters = [{"jsonPath": "$.resource.refUpdates[*].name", "matchGlob": f"refs/heads/release/{number}.*"}]
        if number % 5 == 4:
            filters += [{"jsonPath": "$.resource.repository.name", "matchRegex": f"{repository}(-api|-web)?"}]
        else:
            filters += [{"jsonPath": "$.resource.repository.name", "matchEquals": repository}]
        found.append(_definition(repository, filters))
    found.append(_definition(load.REPOSITORY, [
        {"jsonPath": "$.resource.refUpdates..name", "matchEquals": "refs/heads/{Branch}"},
        {"jsonPath": "$.resource.repository.name", "matchEquals": load.REPOSITORY}]))
    return found


def _definition(pipeline, filters):
    return {"name": pipeline, "targetPipeline": pipeline, "targetAction": "Source", "filters": filters,
            "actionConfiguration": {"Branch": load.BRANCH}}


class Penstock(Server):
    def __init__(self, directory, certificate, definitions, aws_url, history=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        port = free_port()
        server = {"listen": f"127.0.0.1:{port}", "drainTimeout": "1s"}
        if certificate:
            server["tls"] = {"certificate": str(certificate[0]), "privateKey": str(certificate[1])}
        configuration = self.directory / "penstock.yaml"
        configuration.write_text(json.dumps({  # JSON is YAML
            "dataDirectory": str(self.directory / "data"), "server": server, "history": history or {},
            "endpoints": {"azure-devops": {"authentication": [
                {"type": "BASIC", "username": load.USER, "password": {"secret": "env:HOOK_PASSWORD"}}]}},
            "webhooks": webhook_definitions(definitions)}))
        super().__init__(
            [BUILD / "penstock", "serve", "--config", configuration], self.directory,
            f"{'https' if certificate else 'http'}://127.0.0.1:{port}{load.PATH}",
            {"HOOK_PASSWORD": load.PASSWORD, "AWS_ENDPOINT_URL": aws_url, "AWS_REGION": "eu-central-1",
             "AWS_ACCESS_KEY_ID": "AKIDBENCH0000000001", "AWS_SECRET_ACCESS_KEY": "no-secret",
             "AWS_EC2_METADATA_DISABLED": "true"})

    def stored(self):
        """How many deliveries of each outcome are in the history. Only after close()."""
        with contextlib.closing(sqlite3.connect(self.directory / "data/history.db", timeout=30)) as database:
            return dict(database.execute("SELECT outcome, count(*) FROM deliveries GROUP BY outcome").fetchall())


class AdnanhWebhook(Server):
    """adnanh/webhook, Debian's package `webhook`, with one hook."""

    def __init__(self, directory, certificate, repository, command, waits_for_command=False, passes_payload=False):
        directory = Path(directory)
        self.kept = directory / "kept"
        self.kept.mkdir(parents=True)
        hook = {
            "id": "azure-devops", "execute-command": str(command), "command-working-directory": str(self.kept),
            "http-methods": ["POST"],
            "trigger-rule": {"match": {"type": "value", "value": repository, "parameter": {
                "source": "payload", "name": "resource.repository.name"}}}}
        if waits_for_command:
            hook["include-command-output-in-response"] = True
        if passes_payload:
            hook["pass-arguments-to-command"] = [{"source": "entire-payload"}]
        hooks = directory / "hooks.json"
        hooks.write_text(json.dumps([hook]))
        port = free_port()
        argv = ["webhook", "-ip", "127.0.0.1", "-port", port, "-hooks", hooks]
        if certificate:
            argv += ["-secure", "-cert", certificate[0], "-key", certificate[1]]
        super().__init__(argv, directory, f"{'https' if certificate else 'http'}://127.0.0.1:{port}{load.PATH}")

    def stored(self):
        """How many payloads its hook kept."""
        return sum(path.read_bytes().count(b"\n") for path in self.kept.iterdir())


def nginx(directory, certificate):
    port = free_port()
    if certificate:
        listen = f"listen 127.0.0.1:{port} ssl; ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]};"
    else:
        listen = f"listen 127.0.0.1:{port};"
    servers = f"  server {{ {listen} client_body_buffer_size 16k; location / {{ return 200 'ok'; }} }}"
    return _nginx(Path(directory), f"{'https' if certificate else 'http'}://127.0.0.1:{port}{load.PATH}", servers, "auto")
