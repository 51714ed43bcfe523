"""A push travels from the webhook to the artifact, over https with a token, and arrives unchanged."""

import hashlib
import json

from support import archives, payloads
from support.penstock import GIT_PASSWORD, run, webhook
from support.repositories import executable, symlink
from support.sandbox import BUCKET

TREE = {
    "README.md": "# Kaimauer\n\nLänge: 120 m\n".encode(),
    ".gitignore": b"*.o\n",
    ".github/workflows/build.yml": b"on: push\n",
    "deploy/run.sh": executable(b"#!/bin/sh\nexec true\n"),
    "deploy/current": symlink("run.sh"),
    "latest": symlink("deploy"),
    "dangling": symlink("../nowhere/at all"),
    "empty": b"",
    "name with spaces/a 'quoted' \"name\".txt": b"quotes\n",
    "Größe/größe – ñ 日本.txt": "Umlaute\n".encode(),
    "a/deeply/nested/path/of/folders/that/goes/on/for/a/while/leaf": b"leaf\n",
    "crlf.txt": b"one\r\ntwo\r\n",
    "binary": bytes(hashlib.shake_256(b"incompressible").digest(3_000_000)),
    "zeros": bytes(2_000_000),
}


def test_push_becomes_artifact(sandbox, make_penstock, repository, git_http, tmp_path):
    commit = repository.commit(TREE, message="Kaimauer: Länge berichtigt\n\nDie Länge war falsch.")
    sandbox.create_pipeline("main-way", repository=repository.name)
    penstock = make_penstock([webhook("main-way", "main-way")]).start()

    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    # Right after a start it may not be known yet which branch the pipeline wants; then the trigger waits for that.
    assert answer["outcome"] == "triggered" and answer["matched"] in (["main-way"], [])

    trigger, = penstock.started(answer["deliveryId"])
    assert (trigger["pipeline"], trigger["ref"], trigger["commitId"]) == ("main-way", "refs/heads/main", commit)
    execution = trigger["pipelineExecutionId"]
    action = sandbox.finished_action("main-way", execution)
    assert action["status"] == "Succeeded", action
    variables = action["output"]["outputVariables"]
    assert variables["CommitId"] == commit
    assert variables["BranchName"] == "main"
    assert variables["CommitMessage"].startswith("Kaimauer: Länge berichtigt")
    assert variables["FullRepositoryName"].endswith(repository.name)
    assert "AuthorDate" in variables
    revision = sandbox.executions("main-way")[0]["sourceRevisions"][0]
    assert revision["revisionId"] == commit
    assert revision["revisionSummary"] == "Kaimauer: Länge berichtigt"

    where = action["output"]["outputArtifacts"][0]["s3location"]
    head = sandbox.s3.head_object(Bucket=where["bucket"], Key=where["key"])
    assert where["bucket"] == BUCKET
    assert head["ServerSideEncryption"] == "aws:kms"

    artifact = sandbox.artifact(action)
    expected = archives.of_tar(repository.archive(commit))
    assert len(expected) == len(TREE)
    assert archives.of_zip(artifact) == expected
    assert archives.of_unzip(artifact, tmp_path / "unzip") == expected

    job = penstock.finished_job(execution)
    assert job["state"] == "succeeded"
    assert job["commitId"] == commit and job["ref"] == "refs/heads/main"
    assert job["deliveryId"] == answer["deliveryId"]
    assert job["artifact"]["bytes"] == len(artifact)
    assert job["artifact"]["entries"] == len(TREE)
    assert job["artifact"]["sha256"] == hashlib.sha256(artifact).hexdigest()
    assert set(job["phases"]) >= {"fetch", "zip", "upload"}
    assert commit in penstock.job_log(job["id"])

    # The token goes along with the first request, not after a refusal.
    calls = [call for call in git_http.calls() if f"_git/{repository.name}/" in call]
    assert calls and all(call.startswith("200 ") for call in calls), calls

    # Again the same commit: the same bytes.
    second = penstock.redeliver(answer["deliveryId"])
    assert second.status == 202, second.text
    trigger, = penstock.started(second.json()["deliveryId"])
    assert trigger["pipelineExecutionId"] != execution
    again = sandbox.finished_action("main-way", trigger["pipelineExecutionId"])
    assert hashlib.sha256(sandbox.artifact(again)).hexdigest() == job["artifact"]["sha256"]


def test_artifact_command_makes_the_same_bytes(make_penstock, repository, git_http, tmp_path):
    commit = repository.commit(TREE)
    penstock = make_penstock([])
    remote = f"{git_http.https_url}/{payloads.ORGANIZATION}/Harbour%20Works/_git/{repository.name}"
    digests = []
    for number, revision in enumerate((commit, "main", "refs/heads/main")):
        output = tmp_path / f"{number}.zip"
        done = run("artifact", "--repository", remote, "--revision", revision, "--output", output, "--config",
                   penstock.config_file, "--credentials", "azure", "--cache", tmp_path / f"cache-{number}",
                   env=penstock.environment)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        data = output.read_bytes()
        assert (report["commitId"], report["entries"], report["bytes"]) == (commit, len(TREE), len(data))
        assert GIT_PASSWORD not in done.stdout + done.stderr
        digests.append(hashlib.sha256(data).hexdigest())
        assert archives.of_zip(data) == archives.of_tar(repository.archive(commit))
    assert len(set(digests)) == 1

    # Built on an older archive: the bytes are still the same.
    changed = repository.commit({**TREE, "README.md": b"# changed\n"})
    fresh, reused = tmp_path / "fresh.zip", tmp_path / "reused.zip"
    for output, options in ((fresh, []), (reused, ["--previous", tmp_path / "0.zip"])):
        done = run("artifact", "--repository", remote, "--revision", changed, "--output", output, "--config",
                   penstock.config_file, "--credentials", "azure", "--cache", tmp_path / f"cache-{output.stem}", *options,
                   env=penstock.environment)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["reusedEntries"] > len(TREE) // 2
    assert fresh.read_bytes() == reused.read_bytes()


def test_encryption_key_of_the_pipeline_is_used(sandbox, make_penstock, repository):
    key = "arn:aws:kms:eu-central-1:111122223333:key/0d9c6a55-5b5e-4f5f-9d0a-3d5a1f1f7a01"
    commit = repository.commit({"file": b"x"})
    sandbox.create_pipeline("encrypted", repository=repository.name, encryption_key=key)
    penstock = make_penstock([webhook("encrypted", "encrypted")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action("encrypted", trigger["pipelineExecutionId"])
    assert action["status"] == "Succeeded", action
    where = action["output"]["outputArtifacts"][0]["s3location"]
    head = sandbox.s3.head_object(Bucket=where["bucket"], Key=where["key"])
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_large_artifact_is_uploaded_in_parts(sandbox, make_penstock, repository):
    content = hashlib.shake_256(b"large").digest(40_000_000)
    commit = repository.commit({"large": content})
    sandbox.create_pipeline("large", repository=repository.name)
    penstock = make_penstock([webhook("large", "large")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action("large", trigger["pipelineExecutionId"])
    assert action["status"] == "Succeeded", action
    where = action["output"]["outputArtifacts"][0]["s3location"]
    assert "-" in sandbox.s3.head_object(Bucket=where["bucket"], Key=where["key"])["ETag"], "not a multipart upload"
    assert archives.of_zip(sandbox.artifact(action)) == {"large": (archives.FILE, False, content)}
