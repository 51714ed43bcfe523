"""What is sent, and the program that sends it: wrk with push.lua."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY, OTHER_REPOSITORY = "shop", "quay"  # of the same length
BRANCH = "main"
PATH = "/hooks/azure-devops"
USER, PASSWORD = "azure", "bench-password"
AUTHORIZATION = "Basic YXp1cmU6YmVuY2gtcGFzc3dvcmQ="

_BASE = "https://dev.azure.com/northwind/"
_PROJECT = "3d2b8c1e-52f7-4f0b-9d6a-6c1f0e7a9b44"


def push(repository):
    """A git.push of two commits, about 4 KB, with the marks that push.lua fills in."""
    identifier = f"8a1f7c2e-6b0d-4d59-a3f4-{'5d00c0ffee01' if repository == REPOSITORY else '5d00c0ffee02'}"
    api = f"{_BASE}{_PROJECT}/_apis/git/repositories/{identifier}"
    text = f"Ada Lindqvist pushed updates to {repository}:{BRANCH}"
    link = f"{_BASE}Harbour%20Works/_git/{repository}"
    person = {"name": "Ada Lindqvist", "email": "ada.lindqvist@northwind.example", "date": "2026-11-20T08:15:00Z"}

    def commit(identifier, comment):
        return {"commitId": identifier, "author": person, "committer": person, "comment": comment,
                "url": f"{api}/commits/{identifier}"}

    before = "33b55f7cb7e7e245323987634f960cf4a6e6bc74"
    return {
        "subscriptionId": "6f9b6d5e-4b9a-4f47-8d53-51a1a4a0c001",
        "notificationId": "@number@",
        "id": "03c164c2-8912-4d5e-8009-@hex12@",
        "eventType": "git.push",
        "publisherId": "tfs",
        "message": {"text": f"{text}\r\n(@hex12@)",
                    "html": f"Ada Lindqvist pushed updates to <a href=\"{link}\">{repository}</a>:"
                            f"<a href=\"{link}#version=GB{BRANCH}\">{BRANCH}</a>",
                    "markdown": f"Ada Lindqvist pushed updates to [{repository}]({link}):"
                                f"[{BRANCH}]({link}#version=GB{BRANCH})"},
        "detailedMessage": {"text": f"{text}\r\n - Raise the quay wall by forty centimetres @hex12@",
                            "html": f"{text}\r\n<ul>\r\n<li>Raise the quay wall by forty centimetres "
                                    f"<a href=\"{link}/commit/@hex40@\">@hex12@</a></li>\r\n</ul>",
                            "markdown": f"{text}\r\n* Raise the quay wall by forty centimetres "
                                        f"[@hex12@]({link}/commit/@hex40@)"},
        "resource": {
            "commits": [commit("@hex40@", "Raise the quay wall by forty centimetres"),
                        commit("9f1c7d5b3a08e6f4c2b1a0d9e8f7c6b5a4938271", "Größe der Kaimauer übernommen")],
            "refUpdates": [{"name": f"refs/heads/{BRANCH}", "oldObjectId": before, "newObjectId": "@hex40@"}],
            "repository": {
                "id": identifier, "name": repository, "url": api,
                "project": {"id": _PROJECT, "name": "Harbour Works", "url": f"{_BASE}_apis/projects/{_PROJECT}",
                            "state": "wellFormed", "visibility": "private", "revision": 411,
                            "lastUpdateTime": "2026-03-02T07:00:00.413Z"},
                "size": 18734211, "defaultBranch": "refs/heads/main", "remoteUrl": link,
                "sshUrl": f"git@ssh.dev.azure.com:v3/northwind/Harbour%20Works/{repository}", "isDisabled": False},
            "pushedBy": {"displayName": "Ada Lindqvist", "id": "54d125f7-69f7-4191-904f-c5b96b6261c8",
                         "uniqueName": "ada.lindqvist@northwind.example",
                         "imageUrl": f"{_BASE}_api/_common/identityImage?id=54d125f7-69f7-4191-904f-c5b96b6261c8",
                         "descriptor": "aad.NTRkMTI1ZjctNjlmNy03MTkxLTkwNGYtYzViOTZiNjI2MWM4"},
            "pushId": "@number@",
            "date": "2026-11-20T08:15:03.1234567Z",
            "url": f"{api}/pushes/@number@"},
        "resourceVersion": "1.0",
        "resourceContainers": {"collection": {"id": "c12d0eb8-e382-443b-9f9c-c52cba5014c2", "baseUrl": _BASE},
                               "account": {"id": "f844ec47-a9db-4511-8281-8b63f4eaf94e", "baseUrl": _BASE},
                               "project": {"id": _PROJECT, "baseUrl": _BASE}},
        "createdDate": "2026-11-20T08:15:05.7654321Z",
    }


def encode(payload):
    """One line of JSON; the marks that stand for numbers lose their quotes."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).replace('"@number@"', "@number@")


def example(repository=REPOSITORY):
    """A body as it is sent."""
    return encode(push(repository)).replace("@number@", "1000000001").replace("@hex12@", "0000000000ff").replace(
        "@hex40@", "0f" * 20).encode()


@dataclass(frozen=True)
class Run:
    requests: int
    seconds: float
    latencies: dict  # microseconds
    errors: dict
    cpu_seconds: float  # of wrk itself

    @property
    def failed(self):
        return sum(self.errors.values())


class Load:
    """Sends each body of `bodies` in turn. Numbers never repeat within one Load."""

    def __init__(self, directory, bodies):
        self._script = Path(__file__).with_name("push.lua")
        self._bodies = Path(directory) / "bodies"
        self._bodies.write_text("".join(body + "\n" for body in bodies))
        self._next = 1_000_000_000

    def run(self, url, connections, seconds, rate=0):
        """Without a rate, requests per second, each connection sends its next request as soon as it is answered."""
        threads = 1 if connections < 128 else 2
        first, self._next = self._next, self._next + threads * 20_000_000
        argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
                "-s", str(self._script), url, "--", str(self._bodies), PATH, AUTHORIZATION, str(first), str(rate / threads)]
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read().decode(errors="replace")
        line = next((line for line in text.splitlines() if line.startswith("{")), None)
        if process.returncode != 0 or line is None:
            raise RuntimeError(f"running {' '.join(argv[:4])}: exit {process.returncode}: {text[-2000:]}")
        found = json.loads(line)
        latencies = {name: found[name] for name in ("p50", "p90", "p99", "p999", "max")}
        return Run(found["requests"], found["seconds"], latencies, found["errors"], usage.ru_utime + usage.ru_stime)
