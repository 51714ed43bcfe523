"""`penstock artifact` with named credentials, as a person runs it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from support.payloads import ORGANIZATION
from support.penstock import run


@dataclass(frozen=True)
class Made:
    report: dict
    said: str  # on stderr
    data: bytes


def address(server_url, name):
    return f"{server_url}/{ORGANIZATION}/Harbour%20Works/_git/{name}"


class ArtifactCommand:
    """Each run has an empty cache unless it is told one."""

    def __init__(self, directory, authority, credentials, secrets=()):
        self._directory, self._secrets = Path(directory), secrets
        self.configuration = self._directory / "penstock.yaml"
        self.configuration.write_text(json.dumps({"dataDirectory": str(self._directory), "credentials": credentials}))
        trust = str(authority.certificate)
        self.environment = {**os.environ, "GIT_SSL_CAINFO": trust, "SSL_CERT_FILE": trust}

    def _run(self, remote, revision, arguments, cache, credentials, output, timeout):
        if credentials:
            arguments = ("--config", self.configuration, "--credentials", credentials, *arguments)
        if cache:
            arguments = ("--cache", cache, *arguments)
        done = run("artifact", "--repository", remote, "--revision", revision, "--output", output, *arguments,
                   env=self.environment, timeout=timeout)
        for secret in self._secrets:
            assert secret not in done.stdout + done.stderr
        return done

    def make(self, remote, revision, *arguments, cache=None, credentials="azure", timeout=60):
        output = self._directory / "made.zip"
        done = self._run(remote, revision, arguments, cache, credentials, output, timeout)
        assert done.returncode == 0, done.stderr
        data = output.read_bytes()
        output.unlink()
        report = json.loads(done.stdout)
        assert report["bytes"] == len(data)
        return Made(report, done.stderr, data)

    def refused(self, remote, revision, *arguments, cache=None, credentials="azure", status=1):
        """What it says; it must fail, and leave nothing behind."""
        output = self._directory / "refused.zip"
        done = self._run(remote, revision, arguments, cache, credentials, output, 60)
        assert done.returncode == status, (done.returncode, done.stderr)
        assert not done.stdout and not output.exists()
        assert not list(self._directory.glob(".penstock*")), "a temporary folder was left"
        last = done.stderr.splitlines()[-1]
        assert last.startswith("penstock: "), done.stderr
        return last.removeprefix("penstock: ")
