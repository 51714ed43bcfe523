"""The unmodified AWS CLI drives penstock-sandbox: what it cannot tell from AWS, Penstock cannot either."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

BIN = Path(os.environ.get("PENSTOCK_BIN_DIR") or Path(os.environ.get("PENSTOCK_BUILD", "build/dev")) / "bin")
AWS = shutil.which("aws", path="/usr/bin:/usr/local/bin") or "aws"
REGION = "eu-central-1"
ACCESS_KEY = "AKIDSANDBOX000000001"
SECRET_KEY = "sandbox-secret-access-key-of-no-value-00"
ROLE = "arn:aws:iam::111122223333:role/pipeline"


class Server:
    def __init__(self, folder, *arguments):
        self.folder = folder
        self.log = open(folder / "sandbox.log", "ab")
        self.process = subprocess.Popen([BIN / "penstock-sandbox", "--listen", "127.0.0.1:0", *arguments],
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        self.url = re.search(r"http://127\.0\.0\.1:\d+", line).group(0)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json",
            "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "LC_ALL": "C.UTF-8",
        }

    def run(self, *arguments, **environment):
        return subprocess.run([AWS, "--endpoint-url", self.url, *map(str, arguments)], capture_output=True, text=True,
                              timeout=120, env={**self.environment, **environment})

    def aws(self, *arguments, **environment):
        done = self.run(*arguments, **environment)
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stdout

    def refused(self, code, *arguments, **environment):
        done = self.run(*arguments, **environment)
        assert done.returncode != 0 and code in done.stderr, (arguments, done.stdout, done.stderr)

    def admin(self, what, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/_sandbox/{what}", data, timeout=10) as answer:
            return json.load(answer)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(20) == 0
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.log.close()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aws-cli")
    server = Server(folder, "--data", folder / "data")
    server.aws("s3", "mb", "s3://harbour-artifacts")
    server.aws("codepipeline", "create-custom-action-type", "--cli-input-json", json.dumps(action_type("Harbour")))
    yield server
    server.close()


def action_type(provider, *more, category="Source"):
    source = category == "Source"
    return {
        "category": category, "provider": provider, "version": "1",
        "settings": {"entityUrlTemplate": "https://git.test/{Config:Branch}",
                     "executionUrlTemplate": "https://git.test/run/{ExternalExecutionId}"},
        "configurationProperties": [
            {"name": "Branch", "required": True, "key": True, "secret": False, "type": "String"},
            {"name": "Password", "required": False, "key": False, "secret": True, "type": "String"}, *more],
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 0 if source else 1},
        "outputArtifactDetails": {"minimumCount": 1 if source else 0, "maximumCount": 1},
    }


def pipeline(name, provider="Harbour", configuration=None, stages=()):
    return {
        "name": name, "roleArn": ROLE, "version": 1,
        "artifactStore": {"type": "S3", "location": "harbour-artifacts"},
        "stages": [
            {"name": "Source", "actions": [{
                "name": "Fetch", "namespace": "SourceVariables",
                "actionTypeId": {"category": "Source", "owner": "Custom", "provider": provider, "version": "1"},
                "configuration": {"Branch": "main", **(configuration or {})},
                "outputArtifacts": [{"name": "SourceArtifact"}]}]},
            *(stages or [{"name": "Deploy", "actions": [{
                "name": "Copy", "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                "configuration": {"BucketName": "elsewhere", "Extract": "true"},
                "inputArtifacts": [{"name": "SourceArtifact"}]}]}]),
        ],
    }


def create(cloud, declaration):
    return cloud.aws("codepipeline", "create-pipeline", "--pipeline", json.dumps(declaration))


def start(cloud, name, *more):
    return cloud.aws("codepipeline", "start-pipeline-execution", "--name", name, *more)["pipelineExecutionId"]


def poll(cloud, provider="Harbour", *more, category="Source"):
    return cloud.aws("codepipeline", "poll-for-jobs", "--action-type-id",
                     f"category={category},owner=Custom,provider={provider},version=1", *more)["jobs"]


def poll_for(cloud, execution, *more):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for job in poll(cloud, *more):
            if job["data"]["pipelineContext"]["pipelineExecutionId"] == execution:
                return job
    raise AssertionError("the job never showed up")


def acknowledge(cloud, job):
    return cloud.aws("codepipeline", "acknowledge-job", "--job-id", job["id"], "--nonce", job["nonce"])["status"]


def succeed(cloud, job, *more):
    cloud.aws("codepipeline", "put-job-success-result", "--job-id", job["id"], *more)


def status(cloud, name, execution):
    return cloud.aws("codepipeline", "get-pipeline-execution", "--pipeline-name", name, "--pipeline-execution-id",
                     execution)["pipelineExecution"]["status"]


def job_environment(job):
    credentials = job["data"]["artifactCredentials"]
    return {"AWS_ACCESS_KEY_ID": credentials["accessKeyId"], "AWS_SECRET_ACCESS_KEY": credentials["secretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["sessionToken"]}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_job_from_start_to_artifact(cloud, tmp_path):
    created = create(cloud, pipeline("shop", configuration={"Password": "hunter2"}))["pipeline"]
    assert created["version"] == 1
    assert created["stages"][0]["actions"][0]["configuration"] == {"Branch": "main", "Password": "****"}

    execution = start(cloud, "shop", "--client-request-token", "push-1")
    assert start(cloud, "shop", "--client-request-token", "push-1") == execution
    assert len(cloud.admin("state?pipeline=shop")["executions"]["shop"]) == 1

    job = poll_for(cloud, execution)
    data = job["data"]
    assert data["actionConfiguration"]["configuration"] == {"Branch": "main", "Password": "hunter2"}
    assert data["pipelineContext"]["pipelineArn"] == f"arn:aws:codepipeline:{REGION}:111122223333:shop"
    assert poll(cloud) == []
    assert acknowledge(cloud, job) == "InProgress"
    cloud.refused("InvalidNonceException", "codepipeline", "acknowledge-job", "--job-id", job["id"], "--nonce", job["nonce"])

    details = cloud.aws("codepipeline", "get-job-details", "--job-id", job["id"])["jobDetails"]
    assert details["data"]["actionConfiguration"]["configuration"]["Password"] == "hunter2"

    location = data["outputArtifacts"][0]["location"]["s3Location"]
    assert re.fullmatch(r"shop/SourceArti/\w{7}", location["objectKey"])
    artifact = tmp_path / "artifact.zip"
    artifact.write_bytes(os.urandom(30 << 20))
    target = f"s3://{location['bucketName']}/{location['objectKey']}"
    own = job_environment(job)
    cloud.refused("AccessDenied", "s3", "cp", artifact, target, **own)  # the bucket's policy wants aws:kms
    cloud.aws("s3", "cp", artifact, target, "--sse", "aws:kms", **own)
    cloud.refused("AccessDenied", "s3", "cp", artifact, target + "x", "--sse", "aws:kms", **own)
    cloud.refused("AccessDenied", "s3", "ls", "s3://harbour-artifacts", **own)
    back = tmp_path / "back.zip"
    cloud.aws("s3", "cp", target, back)
    assert digest(back) == digest(artifact)

    succeed(cloud, job, "--current-revision", json.dumps({
        "revision": "8f3e0d1c", "changeIdentifier": "refs/heads/main", "created": 1795253400,
        "revisionSummary": "Paint the pier"}), "--output-variables", "CommitId=8f3e0d1c,BranchName=main",
        "--execution-details", "summary=fetched,externalExecutionId=run-7,percentComplete=100")
    cloud.refused("InvalidJobStateException", "codepipeline", "put-job-success-result", "--job-id", job["id"])
    assert status(cloud, "shop", execution) == "Succeeded"

    state = cloud.aws("codepipeline", "get-pipeline-state", "--name", "shop")
    source = state["stageStates"][0]["actionStates"][0]
    assert source["currentRevision"]["revisionId"] == "8f3e0d1c"
    assert source["latestExecution"]["status"] == "Succeeded"
    assert source["latestExecution"]["externalExecutionUrl"] == "https://git.test/run/run-7"
    assert source["entityUrl"] == "https://git.test/main"
    assert [s["latestExecution"]["status"] for s in state["stageStates"]] == ["Succeeded", "Succeeded"]
    actions = cloud.aws("codepipeline", "list-action-executions", "--pipeline-name", "shop")["actionExecutionDetails"]
    fetch = next(a for a in actions if a["actionName"] == "Fetch")
    assert fetch["output"]["outputVariables"] == {"CommitId": "8f3e0d1c", "BranchName": "main"}
    assert fetch["input"]["resolvedConfiguration"]["Password"] == "****"
    summary = cloud.aws("codepipeline", "list-pipeline-executions", "--pipeline-name", "shop")["pipelineExecutionSummaries"]
    assert summary[0]["sourceRevisions"][0]["revisionSummary"] == "Paint the pier"


def test_failed_job_and_retry(cloud):
    create(cloud, pipeline("failing"))
    execution = start(cloud, "failing")
    job = poll_for(cloud, execution)
    acknowledge(cloud, job)
    cloud.aws("codepipeline", "put-job-failure-result", "--job-id", job["id"], "--failure-details",
              "type=RevisionUnavailable,message=gone")
    assert status(cloud, "failing", execution) == "Failed"
    state = cloud.aws("codepipeline", "get-pipeline-state", "--name", "failing")
    failed = state["stageStates"][0]["actionStates"][0]["latestExecution"]
    assert failed["errorDetails"] == {"code": "RevisionUnavailable", "message": "gone"}
    again = cloud.aws("codepipeline", "retry-stage-execution", "--pipeline-name", "failing", "--stage-name", "Source",
                      "--pipeline-execution-id", execution, "--retry-mode", "FAILED_ACTIONS")
    assert again["pipelineExecutionId"] == execution
    retried = poll_for(cloud, execution)
    assert retried["id"] != job["id"]
    acknowledge(cloud, retried)
    succeed(cloud, retried)
    assert status(cloud, "failing", execution) == "Succeeded"


def test_continuation_makes_a_new_job(cloud):
    cloud.admin("settings", {"continuationDelaySeconds": 0.2})
    create(cloud, pipeline("continued"))
    execution = start(cloud, "continued")
    first = poll_for(cloud, execution)
    acknowledge(cloud, first)
    cloud.refused("ValidationException", "codepipeline", "put-job-success-result", "--job-id", first["id"],
                  "--continuation-token", "step-2", "--output-variables", "A=b")
    succeed(cloud, first, "--continuation-token", "step-2")
    second = poll_for(cloud, execution)
    assert second["id"] != first["id"] and second["nonce"] != first["nonce"]
    assert second["data"]["continuationToken"] == "step-2"
    assert (second["data"]["pipelineContext"]["action"]["actionExecutionId"]
            == first["data"]["pipelineContext"]["action"]["actionExecutionId"])
    acknowledge(cloud, second)
    succeed(cloud, second)
    assert status(cloud, "continued", execution) == "Succeeded"


def test_stop_and_abandon(cloud):
    create(cloud, pipeline("stopped"))
    execution = start(cloud, "stopped")
    job = poll_for(cloud, execution)
    acknowledge(cloud, job)
    stop = ("codepipeline", "stop-pipeline-execution", "--pipeline-name", "stopped", "--pipeline-execution-id", execution)
    cloud.aws(*stop)
    assert status(cloud, "stopped", execution) == "Stopping"
    cloud.refused("DuplicatedStopRequestException", *stop)
    cloud.aws(*stop, "--abandon", "--reason", "the worker is gone")
    assert status(cloud, "stopped", execution) == "Stopped"
    cloud.refused("InvalidJobStateException", "codepipeline", "put-job-success-result", "--job-id", job["id"])
    cloud.refused("PipelineExecutionNotStoppableException", *stop)


def test_newer_executions_supersede_waiting_ones(cloud):
    create(cloud, pipeline("superseded"))
    first, second, third = (start(cloud, "superseded") for _ in range(3))
    assert [status(cloud, "superseded", e) for e in (first, second, third)] == ["InProgress", "Superseded", "InProgress"]
    job = poll_for(cloud, first)
    acknowledge(cloud, job)
    succeed(cloud, job)
    assert poll_for(cloud, third)


def test_jobs_of_later_stages_get_their_input(cloud, tmp_path):
    cloud.aws("codepipeline", "create-custom-action-type", "--cli-input-json",
              json.dumps(action_type("Crane", category="Build")))
    build = {"name": "Build", "actions": [{
        "name": "Lift", "actionTypeId": {"category": "Build", "owner": "Custom", "provider": "Crane", "version": "1"},
        "configuration": {"Branch": "#{SourceVariables.BranchName}"},
        "inputArtifacts": [{"name": "SourceArtifact"}], "outputArtifacts": [{"name": "Built"}]}]}
    create(cloud, pipeline("two-jobs", stages=[build]))
    execution = start(cloud, "two-jobs")
    job = poll_for(cloud, execution)
    acknowledge(cloud, job)
    location = job["data"]["outputArtifacts"][0]["location"]["s3Location"]
    (tmp_path / "a").write_text("crane")
    cloud.aws("s3", "cp", tmp_path / "a", f"s3://{location['bucketName']}/{location['objectKey']}", "--sse", "aws:kms",
              **job_environment(job))
    succeed(cloud, job, "--output-variables", "BranchName=quay")
    [lift] = poll(cloud, "Crane", category="Build")
    assert lift["data"]["actionConfiguration"]["configuration"]["Branch"] == "quay"
    given = lift["data"]["inputArtifacts"][0]["location"]["s3Location"]
    assert given == location
    cloud.aws("s3", "cp", f"s3://{given['bucketName']}/{given['objectKey']}", tmp_path / "b", **job_environment(lift))
    assert (tmp_path / "b").read_text() == "crane"
    cloud.refused("AccessDenied", "s3", "cp", tmp_path / "a", f"s3://{given['bucketName']}/{given['objectKey']}", "--sse",
                  "aws:kms", **job_environment(lift))
    acknowledge(cloud, lift)
    succeed(cloud, lift)
    assert status(cloud, "two-jobs", execution) == "Succeeded"


def test_queryable_property(cloud):
    cloud.aws("codepipeline", "create-custom-action-type", "--cli-input-json", json.dumps(action_type(
        "Queried", {"name": "Group", "required": True, "key": True, "secret": False, "queryable": True})))
    create(cloud, pipeline("queried", "Queried", {"Group": "north"}))
    start(cloud, "queried")
    cloud.refused("ValidationException", "codepipeline", "poll-for-jobs", "--action-type-id",
                  "category=Source,owner=Custom,provider=Queried,version=1")
    assert poll(cloud, "Queried", "--query-param", "Group=south") == []
    assert len(poll(cloud, "Queried", "--query-param", "Group=north")) == 1
    cloud.refused("ValidationException", "codepipeline", "poll-for-jobs", "--action-type-id",
                  "category=Source,owner=Custom,provider=Harbour,version=1", "--query-param", "Group=north")


@pytest.mark.parametrize("code, arguments", [
    ("PipelineNotFoundException", ["start-pipeline-execution", "--name", "no-such-pipeline"]),
    ("ValidationException", ["start-pipeline-execution", "--name", "shop!"]),
    ("ValidationException", ["start-pipeline-execution", "--name", "limits", "--client-request-token", "under_score"]),
    ("ValidationException", ["get-job-details", "--job-id", "11111111-ABCD-1111-abcd-111111abcdef"]),
    ("JobNotFoundException", ["get-job-details", "--job-id", "11111111-abcd-1111-abcd-111111abcdef"]),
    ("ActionTypeNotFoundException",
     ["poll-for-jobs", "--action-type-id", "category=Source,owner=Custom,provider=Nobody,version=1"]),
    ("ValidationException", ["poll-for-jobs", "--action-type-id", "category=Source,owner=AWS,provider=S3,version=1"]),
    ("ValidationException", ["put-job-failure-result", "--job-id", "11111111-abcd-1111-abcd-111111abcdef",
                             "--failure-details", "type=PermissionsError,message=x"]),
    ("PipelineNameInUseException", ["create-pipeline", "--pipeline", json.dumps(pipeline("limits"))]),
    ("InvalidStructureException",
     ["create-pipeline", "--pipeline", json.dumps({**pipeline("one-stage"), "stages": pipeline("x")["stages"][:1]})]),
    ("InvalidActionDeclarationException",
     ["create-pipeline", "--pipeline", json.dumps(pipeline("no-branch", configuration={"Colour": "red"}))]),
    ("InvalidActionDeclarationException", ["create-pipeline", "--pipeline", json.dumps(pipeline("no-type", "Nobody"))]),
])
def test_documented_limits(cloud, code, arguments):
    if "limits" not in cloud.admin("state")["pipelines"]:
        create(cloud, pipeline("limits"))
    cloud.refused(code, "codepipeline", *arguments)


def test_signatures(cloud):
    call = ("sts", "get-caller-identity")
    assert cloud.aws(*call)["Account"] == "111122223333"
    cloud.refused("SignatureDoesNotMatch", *call, AWS_SECRET_ACCESS_KEY="wrong")
    cloud.refused("InvalidClientTokenId", *call, AWS_ACCESS_KEY_ID="AKIANOBODY")
    cloud.refused("InvalidSignatureException", "codepipeline", "list-pipelines", AWS_SECRET_ACCESS_KEY="wrong")
    cloud.refused("UnrecognizedClientException", "codepipeline", "list-pipelines", AWS_ACCESS_KEY_ID="AKIANOBODY")
    cloud.refused("SignatureDoesNotMatch", "s3", "ls", AWS_SECRET_ACCESS_KEY="wrong")
    cloud.refused("InvalidAccessKeyId", "s3", "ls", AWS_ACCESS_KEY_ID="AKIANOBODY")
    assert cloud.admin("state")["signatureFailures"] >= 6


def test_assumed_role(cloud):
    credentials = cloud.aws("sts", "assume-role", "--role-arn", "arn:aws:iam::444455556666:role/worker",
                            "--role-session-name", "night+shift")["Credentials"]
    session = {"AWS_ACCESS_KEY_ID": credentials["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
               "AWS_SESSION_TOKEN": credentials["SessionToken"]}
    identity = cloud.aws("sts", "get-caller-identity", **session)
    assert identity["Arn"] == "arn:aws:sts::444455556666:assumed-role/worker/night+shift"
    cloud.aws("codepipeline", "list-pipelines", **session)
    cloud.refused("UnrecognizedClientException", "codepipeline", "list-pipelines",
                  **{**session, "AWS_SESSION_TOKEN": credentials["SessionToken"][:-6] + "AAAAA="})
    web = cloud.aws("sts", "assume-role-with-web-identity", "--role-arn", "arn:aws:iam::444455556666:role/worker",
                    "--role-session-name", "pod", "--web-identity-token", "token-of-the-pod")
    assert web["Credentials"]["SessionToken"]
    cloud.admin("faults", {"expireCredentials": True})
    cloud.refused("ExpiredToken", "codepipeline", "list-pipelines", **session)


def test_secrets(cloud):
    cloud.aws("secretsmanager", "create-secret", "--name", "harbour/pat", "--secret-string", "first")
    cloud.refused("ResourceExistsException", "secretsmanager", "create-secret", "--name", "harbour/pat", "--secret-string", "x")
    cloud.aws("secretsmanager", "put-secret-value", "--secret-id", "harbour/pat", "--secret-string", "second")
    got = cloud.aws("secretsmanager", "get-secret-value", "--secret-id", "harbour/pat")
    assert got["SecretString"] == "second"
    old = cloud.aws("secretsmanager", "get-secret-value", "--secret-id", got["ARN"], "--version-stage", "AWSPREVIOUS")
    assert old["SecretString"] == "first"
    cloud.refused("ResourceNotFoundException", "secretsmanager", "get-secret-value", "--secret-id", "none")


def test_s3_copies(cloud, tmp_path):
    cloud.aws("s3", "mb", "s3://quay-store")
    cloud.refused("BucketAlreadyOwnedByYou", "s3", "mb", "s3://quay-store")
    small, big = tmp_path / "small", tmp_path / "big"
    small.write_bytes(b"small \xff\x00")
    big.write_bytes(os.urandom(50 << 20))
    for path, key in ((small, "a folder/ü+ b&c=d%25~.txt"), (big, "big.bin"), (tmp_path / "empty", "empty")):
        path.touch()
        cloud.aws("s3", "cp", path, f"s3://quay-store/{key}")
        back = tmp_path / "back"
        cloud.aws("s3", "cp", f"s3://quay-store/{key}", back)
        assert digest(back) == digest(path), key
    head = cloud.aws("s3api", "head-object", "--bucket", "quay-store", "--key", "big.bin")
    assert head["ContentLength"] == 50 << 20 and head["ETag"].endswith('-7"')
    part = tmp_path / "part"
    cloud.aws("s3api", "get-object", "--bucket", "quay-store", "--key", "big.bin", "--range", "bytes=1000-1999", part)
    assert part.read_bytes() == big.read_bytes()[1000:2000]
    listed = cloud.aws("s3api", "list-objects-v2", "--bucket", "quay-store", "--delimiter", "/")
    assert [c["Key"] for c in listed["Contents"]] == ["big.bin", "empty"]
    assert listed["CommonPrefixes"] == [{"Prefix": "a folder/"}]
    link = cloud.run("s3", "presign", "s3://quay-store/big.bin").stdout.strip()
    with urllib.request.urlopen(link, timeout=30) as answer:
        assert hashlib.sha256(answer.read()).hexdigest() == digest(big)
    cloud.aws("s3", "rm", "s3://quay-store/", "--recursive")
    cloud.aws("s3", "rb", "s3://quay-store")
    cloud.refused("NoSuchBucket", "s3", "ls", "s3://quay-store")


def test_multipart_by_hand(cloud, tmp_path):
    where = ("--bucket", "harbour-artifacts", "--key", "by hand")
    part = tmp_path / "part"
    part.write_bytes(b"x" * (5 << 20))
    upload = cloud.aws("s3api", "create-multipart-upload", *where, "--server-side-encryption", "aws:kms")["UploadId"]
    etags = [cloud.aws("s3api", "upload-part", *where, "--upload-id", upload, "--part-number", n, "--body", part)["ETag"]
             for n in (1, 2)]
    assert len(cloud.aws("s3api", "list-parts", *where, "--upload-id", upload)["Parts"]) == 2
    parts = [{"PartNumber": n, "ETag": etag} for n, etag in enumerate(etags, 1)]
    complete = ("s3api", "complete-multipart-upload", *where, "--upload-id", upload, "--multipart-upload")
    cloud.refused("InvalidPartOrder", *complete, json.dumps({"Parts": parts[::-1]}))
    cloud.refused("InvalidPart", *complete, json.dumps({"Parts": [{"PartNumber": 3, "ETag": etags[0]}]}))
    cloud.aws(*complete, json.dumps({"Parts": parts}))
    assert cloud.aws("s3api", "head-object", *where)["ContentLength"] == 10 << 20
    other = cloud.aws("s3api", "create-multipart-upload", *where, "--server-side-encryption", "aws:kms")["UploadId"]
    cloud.aws("s3api", "abort-multipart-upload", *where, "--upload-id", other)
    cloud.refused("NoSuchUpload", "s3api", "list-parts", *where, "--upload-id", other)


def test_everything_survives_a_restart(tmp_path):
    server = Server(tmp_path, "--data", tmp_path / "data")
    server.aws("s3", "mb", "s3://harbour-artifacts")
    server.aws("codepipeline", "create-custom-action-type", "--cli-input-json", json.dumps(action_type("Harbour")))
    create(server, pipeline("kept"))
    execution = start(server, "kept", "--client-request-token", "once")
    job = poll_for(server, execution)
    acknowledge(server, job)
    server.aws("secretsmanager", "create-secret", "--name", "kept", "--secret-string", "s")
    location = job["data"]["outputArtifacts"][0]["location"]["s3Location"]
    (tmp_path / "file").write_bytes(os.urandom(1000))
    server.process.kill()
    server.process.wait()
    server.process.stdout.close()

    server = Server(tmp_path, "--data", tmp_path / "data")
    try:
        assert start(server, "kept", "--client-request-token", "once") == execution
        target = f"s3://{location['bucketName']}/{location['objectKey']}"
        server.aws("s3", "cp", tmp_path / "file", target, "--sse", "aws:kms", **job_environment(job))
        succeed(server, job)
        assert status(server, "kept", execution) == "Succeeded"
        assert server.aws("secretsmanager", "get-secret-value", "--secret-id", "kept")["SecretString"] == "s"
        server.aws("s3", "cp", target, tmp_path / "back")
        assert digest(tmp_path / "back") == digest(tmp_path / "file")
    finally:
        server.close()
