"""Fixtures: a sandbox and git servers per file, a server under test per test, and what is checked after each of them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.browser import Browser  # noqa: E402
from support.certificates import CertificateAuthority  # noqa: E402
from support.completeness import check_history  # noqa: E402
from support.git_servers import GitHttpServer, GitSshServer, make_repository  # noqa: E402
from support.payloads import ORGANIZATION, PROJECT  # noqa: E402
from support.penstock import BUILD, GIT_PASSWORD, SECRETS, Penstock, base_configuration  # noqa: E402
from support.sandbox import SECRET_KEY, Sandbox  # noqa: E402

REPORTS = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: |assertion .* failed", re.IGNORECASE)


def pytest_configure(config):
    missing = [p for p in ("git", "openssl", "/usr/sbin/nginx", "fcgiwrap", "/usr/sbin/sshd", "ssh-keygen", "unzip", "haproxy",
                             "caddy", "slowhttptest", "wrk", "webhook", "curl")
               if not shutil.which(p)]
    if missing:
        pytest.exit(f"missing programs: {' '.join(missing)}; run deploy/dependencies.sh --tests", returncode=2)
    for program in ("penstock", "penstock-sandbox"):
        if not (BUILD / "bin" / program).exists():
            pytest.exit(f"{BUILD}/bin/{program} is not built; set PENSTOCK_BUILD to the build folder", returncode=2)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue("penstock")


@pytest.fixture(scope="session")
def git_root(tmp_path_factory):
    return tmp_path_factory.mktemp("repositories")


@pytest.fixture(scope="session")
def git_http(tmp_path_factory, git_root, authority):
    server = GitHttpServer(tmp_path_factory.mktemp("nginx"), git_root, authority.issue("git"), GIT_PASSWORD)
    yield server
    server.close()


@pytest.fixture(scope="session")
def git_ssh(tmp_path_factory, git_root):
    server = GitSshServer(tmp_path_factory.mktemp("sshd"), git_root)
    yield server
    server.close()


@pytest.fixture
def repository(git_root, request):
    """An empty repository named after the test."""
    name = re.sub(r"[^a-z0-9-]+", "-", request.node.name.lower()).strip("-")[:60]
    made = make_repository(git_root, ORGANIZATION, PROJECT, name)
    made.name = name
    return made


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    server = Sandbox(tmp_path_factory.mktemp("sandbox"))
    server.create_bucket()
    server.create_action_type()
    yield server
    assert server.process.running, f"the sandbox died:\n{server.process.log()[-4000:]}"
    assert not REPORTS.search(server.process.log()), server.process.log()[-8000:]
    server.close()


@pytest.fixture
def make_penstock(tmp_path, sandbox, git_http, authority, certificate):
    """Makes servers under test: make_penstock(webhooks, **settings to replace). They are started by the test."""
    made = []

    def make(webhooks, remote=None, environment=None, **settings):
        remote = remote or git_http.https_url + "/{Organization}/{Project}/_git/{Repo}"
        directory = tmp_path / f"penstock-{len(made)}"
        configuration = base_configuration(directory, remote, certificate)
        configuration["webhooks"] = webhooks
        for key, value in settings.items():
            if value is None:
                configuration.pop(key, None)
            elif isinstance(value, dict) and isinstance(configuration.get(key), dict) and key == "server":
                merged = {**configuration[key], **value}
                configuration[key] = {k: v for k, v in merged.items() if v is not None}
            else:
                configuration[key] = value
        trust = {"GIT_SSL_CAINFO": str(authority.certificate), "SSL_CERT_FILE": str(authority.certificate)}
        server = Penstock(directory, configuration, {**sandbox.environment, **trust, **(environment or {})},
                          authority.certificate)
        made.append(server)
        return server

    yield make
    try:
        for server in made:
            check_history(server)
    finally:
        for server in made:
            server.close()
    for server in made:
        log = server.log()
        assert not REPORTS.search(log), log[-8000:]
        for secret in (*SECRETS, SECRET_KEY):
            assert secret not in log, "a secret is in the log"
            for path in server.directory.rglob("*"):
                if path.is_file() and path.parent.name == "data" and secret.encode() in path.read_bytes():
                    raise AssertionError(f"a secret is in {path}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory, certificate):
    return Browser(tmp_path_factory.mktemp("browser"), [certificate.certificate])


@pytest.fixture(scope="session")
def penstock_version():
    return subprocess.run([str(BUILD / "bin/penstock"), "version"], capture_output=True, text=True, check=True).stdout
