"""Logging in to git: SSH with RSA and SHA-2 signatures, tokens, and what is said when they are refused."""

import base64

import pytest

from support import archives, payloads
from support.penstock import GIT_PASSWORD, webhook


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
