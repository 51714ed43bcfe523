"""Logging in to git: SSH with RSA and SHA-2 signatures, tokens, and what is said when they are refused."""

import base64
import datetime
import re
import socket
import threading

import pytest

from support import archives, entra, payloads
from support.git_servers import GitHttpServer, GitSshServer, fingerprint, make_repository
from support.penstock import GIT_PASSWORD, basic, run, webhook
from support.processes import eventually


def push_and_finish(sandbox, penstock, repository, pipeline):
    """Pushes once; returns (delivery id, the finished source action, the finished job)."""
    commit = repository.head()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action(pipeline, trigger["pipelineExecutionId"])
    return action, penstock.finished_job(trigger["pipelineExecutionId"])


def ssh_credential(private_key, known_hosts):
    return {"azure": {"type": "SSH_KEY", "privateKey": {"secret": private_key}, "knownHosts": known_hosts}}


def expect_refusal(action, job, *remedies):
    """The failure is a PermissionError whose message, in CodePipeline and in the history, says what to do."""
    details = action["output"]["executionResult"]["errorDetails"]
    assert action["status"] == "Failed"
    assert details["code"] == "PermissionError", details
    assert job["state"] == "failed"
    assert job["failure"]["type"] == "PermissionError", job["failure"]
    for message in (details["message"], job["failure"]["message"]):
        assert any(remedy in message for remedy in remedies), message
        assert GIT_PASSWORD not in message


@pytest.mark.parametrize("source", ["file", "environment in base64", "secrets manager", "secrets manager, JSON key"])
def test_ssh_key(sandbox, make_penstock, repository, git_ssh, tmp_path, source):
    commit = repository.commit({"hello": b"over ssh"})
    pipeline = "ssh-" + "".join(c for c in source if c.isalpha())
    sandbox.create_pipeline(pipeline, "main", repository.name)
    key = git_ssh.private_key.read_text()
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(git_ssh.known_hosts())
    environment, reference = {}, f"file:{git_ssh.private_key}"
    if source == "environment in base64":
        environment["SSH_PRIVATE_KEY"] = base64.b64encode(key.encode()).decode()
        reference = "env:SSH_PRIVATE_KEY"
    elif source == "secrets manager":
        sandbox.secrets.create_secret(Name="harbour/ssh", SecretString=key)
        reference = "secretsmanager:harbour/ssh"
    elif source.endswith("JSON key"):
        import json
        sandbox.secrets.create_secret(Name="harbour/keys", SecretString=json.dumps({"other": "x", "ssh": key}))
        reference = "secretsmanager:harbour/keys#ssh"
    penstock = make_penstock(
        [webhook(pipeline, pipeline)], remote=git_ssh.url + "/{Organization}/{Project}/_git/{Repo}",
        environment=environment, credentials=ssh_credential(reference, f"file:{known_hosts}")).start()
    action, job = push_and_finish(sandbox, penstock, repository, pipeline)
    assert action["status"] == "Succeeded", action["output"]
    assert job["commitId"] == commit
    assert archives.of_zip(sandbox.artifact(action)) == {"hello": (archives.FILE, False, b"over ssh")}
    assert "Accepted publickey" in git_ssh.log()


def test_wrong_host_key(sandbox, make_penstock, repository, git_ssh, tmp_path):
    repository.commit({"hello": b"over ssh"})
    sandbox.create_pipeline("wrong-host-key", "main", repository.name)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(git_ssh.known_hosts("stranger_rsa"))
    penstock = make_penstock(
        [webhook("wrong-host-key", "wrong-host-key")], remote=git_ssh.url + "/{Organization}/{Project}/_git/{Repo}",
        credentials=ssh_credential(f"file:{git_ssh.private_key}", f"file:{known_hosts}")).start()
    action, job = push_and_finish(sandbox, penstock, repository, "wrong-host-key")
    expect_refusal(action, job, "knownHosts", "known_hosts")


def test_ssh_key_that_the_server_does_not_know(sandbox, make_penstock, repository, git_ssh, tmp_path):
    repository.commit({"hello": b"over ssh"})
    sandbox.create_pipeline("wrong-ssh-key", "main", repository.name)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(git_ssh.known_hosts())
    penstock = make_penstock(
        [webhook("wrong-ssh-key", "wrong-ssh-key")], remote=git_ssh.url + "/{Organization}/{Project}/_git/{Repo}",
        credentials=ssh_credential(f"file:{git_ssh.strangers_key}", f"file:{known_hosts}")).start()
    action, job = push_and_finish(sandbox, penstock, repository, "wrong-ssh-key")
    expect_refusal(action, job, "key")


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_wrong_password(sandbox, make_penstock, repository, git_http, scheme):
    repository.commit({"hello": b"over http"})
    pipeline = f"wrong-password-{scheme}"
    sandbox.create_pipeline(pipeline, "main", repository.name)
    base = git_http.https_url if scheme == "https" else git_http.http_url
    penstock = make_penstock([webhook(pipeline, pipeline)], remote=base + "/{Organization}/{Project}/_git/{Repo}",
                             environment={"GIT_PASSWORD": "an-expired-token"}).start()
    action, job = push_and_finish(sandbox, penstock, repository, pipeline)
    expect_refusal(action, job, "token", "PAT")
    for text in (job["failure"]["message"], penstock.job_log(job["id"]), penstock.log()):
        assert "an-expired-token" not in text


def test_token_over_plain_http_on_loopback(sandbox, make_penstock, repository, git_http):
    repository.commit({"hello": b"over http"})
    sandbox.create_pipeline("plain-http", "main", repository.name)
    penstock = make_penstock([webhook("plain-http", "plain-http")],
                             remote=git_http.http_url + "/{Organization}/{Project}/_git/{Repo}").start()
    action, _ = push_and_finish(sandbox, penstock, repository, "plain-http")
    assert action["status"] == "Succeeded", action["output"]


def test_repository_that_does_not_exist(sandbox, make_penstock, repository, git_http):
    repository.commit({"hello": b"x"})
    sandbox.create_pipeline("no-repository", "main", "no-such-repository")
    penstock = make_penstock([webhook("no-repository", "no-repository")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", repository.head())], "no-such-repository"))
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action("no-repository", trigger["pipelineExecutionId"])
    job = penstock.finished_job(trigger["pipelineExecutionId"])
    assert action["status"] == "Failed"
    assert job["failure"]["type"] in ("ConfigurationError", "PermissionError"), job["failure"]
    assert "no-such-repository" in job["failure"]["message"]


def test_commit_that_does_not_exist(sandbox, make_penstock, repository):
    repository.commit({"hello": b"x"})
    sandbox.create_pipeline("no-commit", "main", repository.name)
    penstock = make_penstock([webhook("no-commit", "no-commit")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", "ab" * 20)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    sandbox.finished_action("no-commit", trigger["pipelineExecutionId"])
    job = penstock.finished_job(trigger["pipelineExecutionId"])
    assert job["failure"]["type"] == "RevisionUnavailable", job["failure"]
    assert "ab" * 20 in job["failure"]["message"]


# Rotation

OLD, NEW = "old-token-51d2", "new-token-8f03"


@pytest.fixture
def own_git(tmp_path, git_root, authority):
    """A server whose credentials the test changes while it runs."""
    server = GitHttpServer(tmp_path / "own-nginx", git_root, authority.issue("own-git"), "nobody-knows-this-1c9e")
    yield server
    server.close()


def pat(path):
    return {"type": "PAT", "token": {"secret": f"file:{path}"}}


def worker_with(penstock, credentials):
    penstock.configuration["workers"][0]["credentials"] = credentials
    penstock.write_configuration()
    return penstock


def expect_no_secret(penstock, job, *secrets):
    for text in (str(job), penstock.job_log(job["id"]), penstock.log()):
        for secret in secrets:
            assert secret not in text
            assert base64.b64encode(f":{secret}".encode()).decode() not in text


def test_token_rotated_while_running(sandbox, make_penstock, repository, own_git, tmp_path):
    sandbox.create_pipeline("rotated", "main", repository.name)
    own_git.accept(basic("", OLD))
    token = tmp_path / "token"
    token.write_text(OLD + "\n")
    penstock = make_penstock([webhook("rotated", "rotated")], credentials={"azure": pat(token)},
                             remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}").start()
    repository.commit({"hello": b"one"})
    action, _ = push_and_finish(sandbox, penstock, repository, "rotated")
    assert action["status"] == "Succeeded", action["output"]

    own_git.accept(basic("", NEW))
    own_git.revoke(basic("", OLD))
    token.write_text(NEW + "\n")
    repository.commit({"hello": b"two"})
    action, job = push_and_finish(sandbox, penstock, repository, "rotated")
    assert action["status"] == "Succeeded", action["output"]
    assert archives.of_zip(sandbox.artifact(action))["hello"][2] == b"two"
    assert 'the credential "azure" was refused, trying it freshly read' in penstock.job_log(job["id"])
    assert any(call.startswith("401") for call in own_git.calls())
    expect_no_secret(penstock, job, OLD, NEW)


def test_second_of_two_tokens_is_used_when_the_first_is_revoked(sandbox, make_penstock, repository, own_git, tmp_path):
    sandbox.create_pipeline("two-tokens", "main", repository.name)
    own_git.accept(basic("", NEW))
    (tmp_path / "old").write_text(OLD)
    (tmp_path / "new").write_text(NEW)
    penstock = worker_with(make_penstock(
        [webhook("two-tokens", "two-tokens")], remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}",
        credentials={"azure-old": pat(tmp_path / "old"), "azure-new": pat(tmp_path / "new")}),
        ["azure-old", "azure-new"]).start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, "two-tokens")
    assert action["status"] == "Succeeded", action["output"]
    log = penstock.job_log(job["id"])
    assert len(re.findall('the credential "azure-old" was refused: .*; trying "azure-new"', log)) == 1, log
    expect_no_secret(penstock, job, OLD, NEW)

    # What worked is tried first from now on.
    before = len(own_git.calls())
    repository.commit({"hello": b"two"})
    action, job = push_and_finish(sandbox, penstock, repository, "two-tokens")
    assert action["status"] == "Succeeded", action["output"]
    assert not [call for call in own_git.calls()[before:] if call.startswith("401")]
    assert "refused" not in penstock.job_log(job["id"])


def test_second_of_two_tokens_is_used_when_the_server_does_not_say_what_is_missing(sandbox, make_penstock, repository,
                                                                                  own_git, tmp_path):
    sandbox.create_pipeline("hidden", "main", repository.name)
    own_git.hide(basic("", OLD))
    own_git.accept(basic("", NEW))
    (tmp_path / "old").write_text(OLD)
    (tmp_path / "new").write_text(NEW)
    penstock = worker_with(make_penstock(
        [webhook("hidden", "hidden")], remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}",
        credentials={"azure-old": pat(tmp_path / "old"), "azure-new": pat(tmp_path / "new")}),
        ["azure-old", "azure-new"]).start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, "hidden")
    assert action["status"] == "Succeeded", action["output"]
    log = penstock.job_log(job["id"])
    assert 'the credential "azure-old" was refused: ' in log and "TF401019: " in log, log


def test_all_of_several_credentials_refused(sandbox, make_penstock, repository, own_git, tmp_path):
    sandbox.create_pipeline("all-refused", "main", repository.name)
    (tmp_path / "old").write_text(OLD)
    (tmp_path / "new").write_text(NEW)
    penstock = worker_with(make_penstock(
        [webhook("all-refused", "all-refused")], remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}",
        credentials={"azure-old": pat(tmp_path / "old"), "azure-new": pat(tmp_path / "new"),
                     "azure-gone": pat(tmp_path / "gone")}),
        ["azure-old", "azure-new", "azure-gone"]).start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, "all-refused")
    expect_refusal(action, job, "none of the 3 credentials was accepted")
    message = job["failure"]["message"]
    assert '(1) "azure-old": ' in message and '(2) "azure-new": ' in message and '(3) "azure-gone": ' in message
    expect_no_secret(penstock, job, OLD, NEW)


# Authorities

NO_TRUST = {"GIT_SSL_CAINFO": "", "SSL_CERT_FILE": ""}


def test_private_authority_from_the_configuration(sandbox, make_penstock, repository, git_http, authority):
    sandbox.create_pipeline("private-authority", "main", repository.name)
    penstock = make_penstock([webhook("private-authority", "private-authority")], environment=NO_TRUST,
                             git={"certificateAuthorities": str(authority.certificate)}).start()
    repository.commit({"hello": b"one"})
    action, _ = push_and_finish(sandbox, penstock, repository, "private-authority")
    assert action["status"] == "Succeeded", action["output"]


@pytest.mark.parametrize("trust", ["none", "another"])
def test_authority_that_is_not_trusted(sandbox, make_penstock, repository, git_http, tmp_path, trust):
    pipeline = f"no-authority-{trust}"
    sandbox.create_pipeline(pipeline, "main", repository.name)
    settings = {}
    if trust == "another":
        settings["git"] = {"certificateAuthorities": str(entra.make_certificate(tmp_path, "another"))}
    penstock = make_penstock([webhook(pipeline, pipeline)], environment=NO_TRUST, **settings).start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, pipeline)
    assert action["status"] == "Failed"
    assert job["failure"]["type"] == "ConfigurationError", job["failure"]
    assert "the server's TLS certificate is not trusted; set `git.certificateAuthorities`" in job["failure"]["message"]


def test_check_reads_the_authorities(make_penstock, tmp_path, authority):
    (tmp_path / "words.pem").write_text("no certificate\n")
    for path, expected in ((tmp_path / "missing.pem", "No such file"), (tmp_path / "words.pem", "found none"),
                           (authority.certificate, None)):
        penstock = make_penstock([], git={"certificateAuthorities": str(path)})
        result = run("check", "--config", penstock.config_file, env=penstock.environment)
        assert result.returncode == (78 if expected else 0), result.stderr
        if expected:
            line = next(line for line in result.stderr.splitlines() if "git.certificateAuthorities: expected" in line)
            assert re.match(r".*penstock\.yaml:\d+: git\.certificateAuthorities: expected a PEM file", line), line
            assert expected in line and str(path) in line


def test_proxy_from_the_configuration(make_penstock, tmp_path):
    """What is asked of the proxy; it refuses."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        asked = []

        def refuse():
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.recv(4096).decode())
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        penstock = make_penstock([], git={"proxy": f"http://127.0.0.1:{proxy.getsockname()[1]}"})
        result = run("artifact", "--repository", "https://git.example.invalid/a/_git/b", "--revision", "main", "--output",
                     tmp_path / "x.zip", "--config", penstock.config_file, env=penstock.environment)
        thread.join(10)
    assert asked and asked[0].startswith("CONNECT git.example.invalid:443 "), asked
    assert result.returncode == 78 and "the HTTP proxy refused" in result.stderr, (result.returncode, result.stderr)


# SSH


def test_ed25519_key(sandbox, make_penstock, repository, git_root, tmp_path):
    server = GitSshServer(tmp_path / "sshd", git_root, algorithms="ssh-ed25519")
    try:
        sandbox.create_pipeline("ed25519", "main", repository.name)
        penstock = make_penstock(
            [webhook("ed25519", "ed25519")], remote=server.url + "/{Organization}/{Project}/_git/{Repo}",
            credentials=ssh_credential(f"file:{server.directory / 'user_ed25519'}", server.known_hosts())).start()
        repository.commit({"hello": b"over ssh"})
        action, _ = push_and_finish(sandbox, penstock, repository, "ed25519")
        assert action["status"] == "Succeeded", action["output"]
        assert fingerprint(server.directory / "user_ed25519") in server.log()
    finally:
        server.close()


def test_two_ssh_keys_are_offered_one_at_a_time(sandbox, make_penstock, repository, git_root, tmp_path):
    server = GitSshServer(tmp_path / "sshd", git_root)
    try:
        sandbox.create_pipeline("two-keys", "main", repository.name)
        keys = {name: {"type": "SSH_KEY", "privateKey": {"secret": f"file:{path}"}, "knownHosts": server.known_hosts()}
                for name, path in (("old", server.strangers_key), ("new", server.private_key))}
        penstock = worker_with(make_penstock(
            [webhook("two-keys", "two-keys")], remote=server.url + "/{Organization}/{Project}/_git/{Repo}",
            credentials=keys), ["old", "new"]).start()
        repository.commit({"hello": b"over ssh"})
        action, job = push_and_finish(sandbox, penstock, repository, "two-keys")
        assert action["status"] == "Succeeded", action["output"]
        assert 'the credential "old" was refused' in penstock.job_log(job["id"])
        connections = server.log().split("Connection from ")[1:]
        assert len(connections) >= 2
        for connection in connections:
            assert len(set(re.findall(r"publickey .*(SHA256:\S+)", connection))) <= 1, connection
        assert fingerprint(server.private_key) in server.log()
    finally:
        server.close()


# Entra ID


@pytest.fixture
def entra_server(tmp_path, own_git):
    directory = tmp_path / "entra"
    directory.mkdir()
    server = entra.Entra(directory, lambda token: own_git.accept(f"Bearer {token}"))
    yield server
    server.close()


def entra_credential(server, **proof):
    return {"azure": {"type": "ENTRA", "tenantId": entra.TENANT, "clientId": entra.CLIENT, "authority": server.url,
                      **proof}}


@pytest.mark.parametrize("proof", ["secret", "certificate", "federated token"])
def test_entra(sandbox, make_penstock, repository, own_git, entra_server, tmp_path, proof):
    pipeline = "entra-" + proof.replace(" ", "-")
    sandbox.create_pipeline(pipeline, "main", repository.name)
    place = tmp_path / "proof"
    if proof == "secret":
        entra_server.secret = "entra-secret-77aa&=+"
        place.write_text(entra_server.secret + "\n")
        setting = {"clientSecret": {"secret": f"file:{place}"}}
    elif proof == "certificate":
        made = entra.make_certificate(tmp_path, "application")
        entra_server.certificate = tmp_path / "application.crt"
        place.write_text(base64.b64encode(made.read_bytes()).decode())
        setting = {"certificate": {"secret": f"file:{place}"}}
    else:
        entra_server.federated = "federated.token-1.x"
        place.write_text(entra_server.federated)
        setting = {"federatedTokenFile": str(place)}
    penstock = make_penstock([webhook(pipeline, pipeline)], credentials=entra_credential(entra_server, **setting),
                             remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}").start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, pipeline)
    assert action["status"] == "Succeeded", (action["output"], job)
    assert len(entra_server.tokens) == 1
    expect_no_secret(penstock, job, entra_server.tokens[0], "entra-secret-77aa", "federated.token-1")


def test_entra_secret_rotated_while_running(sandbox, make_penstock, repository, own_git, entra_server, tmp_path):
    sandbox.create_pipeline("entra-rotated", "main", repository.name)
    secret = tmp_path / "secret"
    secret.write_text("first-secret")
    entra_server.secret = "second-secret"
    penstock = make_penstock([webhook("entra-rotated", "entra-rotated")],
                             credentials=entra_credential(entra_server, clientSecret=f"file:{secret}"),
                             remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}").start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, "entra-rotated")
    expect_refusal(action, job, "AADSTS7000215: the client secret is wrong")
    secret.write_text("second-secret")
    repository.commit({"hello": b"two"})
    action, job = push_and_finish(sandbox, penstock, repository, "entra-rotated")
    assert action["status"] == "Succeeded", (action["output"], job)
    expect_no_secret(penstock, job, "first-secret", "second-secret")


def test_entra_certificate_that_the_application_does_not_have(sandbox, make_penstock, repository, own_git, entra_server,
                                                              tmp_path):
    sandbox.create_pipeline("entra-wrong", "main", repository.name)
    wrong = entra.make_certificate(tmp_path, "wrong")
    entra.make_certificate(tmp_path, "right")
    entra_server.certificate = tmp_path / "right.crt"
    penstock = make_penstock([webhook("entra-wrong", "entra-wrong")],
                             credentials=entra_credential(entra_server, certificate=f"file:{wrong}"),
                             remote=own_git.https_url + "/{Organization}/{Project}/_git/{Repo}").start()
    repository.commit({"hello": b"one"})
    action, job = push_and_finish(sandbox, penstock, repository, "entra-wrong")
    expect_refusal(action, job, "AADSTS700027: the signature of the client assertion was refused; upload")


# Azure DevOps Server


def test_collection_of_azure_devops_server(sandbox, make_penstock, git_root, git_http):
    """A virtual folder, a collection, names with spaces and other letters, and no project where it has the same name."""
    name = "Kaimauer Größe"
    repository = make_repository(git_root, "tfs/Haupt Sammlung", payloads.PROJECT, name)
    repository.name = name
    repository.commit({"hello": b"from a collection"})
    sandbox.create_pipeline("collection", "main", name, configuration={
        "Organization": git_http.https_url + "/tfs/Haupt Sammlung"})
    penstock = make_penstock([webhook("collection", "collection")], remote="{Organization}/{Project}/_git/{Repo}").start()
    action, _ = push_and_finish(sandbox, penstock, repository, "collection")
    assert action["status"] == "Succeeded", action["output"]
    variables = action["output"]["outputVariables"]
    assert variables["FullRepositoryName"] == f"{payloads.PROJECT}/{name}"
    assert variables["RepositoryName"] == name
    assert variables["CommitUrl"] == (git_http.https_url + "/tfs/Haupt%20Sammlung/Harbour%20Works/_git/"
                                      f"Kaimauer%20Gr%C3%B6%C3%9Fe/commit/{repository.head()}")


# Ends


def days_from_now(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days, hours=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ")


def test_credentials_that_end_soon_are_told(make_penstock, tmp_path):
    token = {"secret": "env:GIT_PASSWORD"}
    certificate = entra.make_certificate(tmp_path, "application", days=5)
    penstock = make_penstock([], access={"publicMetrics": True}, credentials={
        "azure": {"type": "PAT", "token": token, "expires": days_from_now(3)},
        "gone": {"type": "PAT", "token": token, "expires": "2020-01-31"},
        "later": {"type": "PAT", "token": token, "expires": days_from_now(100)},
        "application": {"type": "ENTRA", "tenantId": entra.TENANT, "clientId": entra.CLIENT,
                        "certificate": f"file:{certificate}"}})
    result = run("check", "--config", penstock.config_file, env=penstock.environment)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if "warning" in line]
    assert len(lines) == 3, result.stderr
    assert re.search(r"penstock\.yaml:\d+: credentials\.azure: warning: expires in 3 days", result.stderr), result.stderr
    assert "credentials.gone: warning: has expired (2020-01-31T00:00:00.000Z)" in result.stderr
    assert "credentials.application: warning: expires in 4 days" in result.stderr
    shown = run("config", "--config", penstock.config_file, env=penstock.environment).stdout
    assert "credentials.gone.expires = 2020-01-31" in shown

    penstock.start()
    for message, count in (("expires soon", 2), ("has expired", 1), ("expires", 1)):
        eventually(message, lambda: penstock.log().count(f'"a credential {message}"') == count, 30)
    metrics = penstock.request("GET", "/metrics").text
    assert 'penstock_credential_expiry_seconds{name="gone"} 1580428800' in metrics, metrics
    assert metrics.count("penstock_credential_expiry_seconds{") == 4
