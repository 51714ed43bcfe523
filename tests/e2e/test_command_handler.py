"""Any executable as a CodePipeline action: what it gets, what becomes of what it gives, and how it ends."""

import importlib.util
import io
import json
import os
import time
import zipfile

import pytest

from support.commands import PYTHON, action, create_pipeline, create_type, script, start, worker
from support.processes import eventually
from support.penstock import PATIENCE
from support.sandbox import BUCKET


@pytest.fixture(scope="module")
def types(sandbox):
    create_type(sandbox, "Source", "Script", inputs=(0, 0), outputs=(1, 1))
    create_type(sandbox, "Build", "Script", settings={"executionUrlTemplate": "https://ci.example.com/{ExternalExecutionId}"})
    sandbox.configure(continuationDelaySeconds=0.2)


# Does what the action's configuration says: a piece of Python with the event, its job's id and its data.
RUNNER = """\
    import io, json, os, stat, subprocess, sys, time, zipfile
    event = json.load(sys.stdin)
    job = event["CodePipeline.job"]
    data = job["data"]
    scripts = os.environ["SCRIPTS"]
    exec(open(os.path.join(scripts, data["actionConfiguration"]["configuration"]["Task"] + ".py")).read())
"""


@pytest.fixture
def run(sandbox, types, make_penstock, tmp_path, request):
    """run({action name: its Python}, …) -> (execution id, penstock)."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    runner = script(scripts / "runner.py", RUNNER)
    made = {}

    def go(source, build, timeout="1m", environment=None, extra=(), **command):
        name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:80]
        for task, text in (("source", source), ("build", build)):
            script(scripts / f"{task}.py", text)
        settings = {"environment": ["PATH", f"SCRIPTS={scripts}", f"BUILD_ENDPOINT={sandbox.url}", *extra], **command}
        penstock = make_penstock([], environment=environment, workers=[
            worker("Source", "Script", [PYTHON, runner], environment=settings["environment"]),
            worker("Build", "Script", [PYTHON, runner, "two words", "$HOME"], timeout, **settings)])
        penstock.start()
        if name not in made:
            create_pipeline(sandbox, name, [
                ("Source", [action("Source", "Source", "Script", outputs=["Code"], configuration={"Task": "source"})]),
                ("Build", [action("Build", "Build", "Script", ["Code"], ["Result"], {"Task": "build"}, namespace="B")]),
                ("Deploy", [action("Deploy", "Deploy", "S3", ["Result"], owner="AWS", configuration={
                    "BucketName": BUCKET, "Extract": "false", "ObjectKey": f"deployed/{name}.zip"})])])
            made[name] = True
        return name, start(sandbox, name), penstock

    return go


def ended(sandbox, name, execution, which="Build"):
    def look():
        found = sandbox.action(name, execution, which)
        return found if found and found["status"] != "InProgress" else None
    return eventually(f"{which} of {name} to end", look, PATIENCE)


def job_of(penstock, execution, stage="Build"):
    def look():
        jobs = [j for j in penstock.all("jobs") if j["pipelineExecutionId"] == execution and j["stage"] == stage
                and j["state"] in ("succeeded", "failed", "lost")]
        return jobs and jobs[0]
    return eventually(f"the job of {stage}", look, PATIENCE)


GOOD_SOURCE = """
    os.makedirs("outputs/Code/bin")
    open("outputs/Code/bin/tool", "w").write("#!/bin/sh\\necho tool\\n")
    os.chmod("outputs/Code/bin/tool", 0o755)
    os.symlink("bin/tool", "outputs/Code/latest")
    print(json.dumps({"result": "Success", "currentRevision": {"revision": "r-1", "revisionSummary": "by hand"}}))
"""


def nothing_left(penstock, timeout=15):
    """Neither a folder nor a process of a command."""
    work = penstock.directory / "data/work"
    eventually("no folder to be left", lambda: [p.name for p in work.iterdir()] == [".lock"], timeout)
    marks = [p for p in os.listdir("/proc") if p.isdigit() and mentions(p, str(work))]
    assert not marks, marks


def mentions(pid, text):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return text.encode() in file.read()
    except OSError:
        return False


def test_artifacts_go_in_and_out(sandbox, run):
    name, execution, penstock = run(GOOD_SOURCE, """
        assert sys.argv[1:] == ["two words", "$HOME"], sys.argv
        assert list(event) == ["CodePipeline.job"]
        assert set(job) == {"id", "accountId", "data"}
        assert job["id"] == os.environ["CODEPIPELINE_JOB_ID"]
        assert data["pipelineContext"]["stage"] == {"name": "Build"}
        assert [a["name"] for a in data["inputArtifacts"]] == ["Code"]
        assert data["inputArtifacts"][0]["location"]["type"] == "S3"
        credentials = data["artifactCredentials"]
        everything = repr(dict(os.environ)) + open("/proc/self/cmdline").read() + open(f"/proc/{os.getppid()}/cmdline").read()
        assert not any(value in everything for value in credentials.values()), "credentials outside of stdin"
        assert "HOOK_PASSWORD" not in os.environ and "AWS_SECRET_ACCESS_KEY" not in os.environ
        assert os.environ["AWS_REGION"] == "eu-central-1"
        assert os.getsid(0) == os.getpid()
        assert stat.S_IMODE(os.stat("inputs/Code/bin/tool").st_mode) == 0o755
        assert os.readlink("inputs/Code/latest") == "bin/tool"
        said = subprocess.run(["inputs/Code/latest"], capture_output=True, text=True, check=True).stdout
        open("outputs/Result/said.txt", "w").write(said)
        os.mkdir("outputs/Result/empty")
        os.symlink("said.txt", "outputs/Result/link")
        print(json.dumps({"percentComplete": 50, "summary": "half way"}), flush=True)
        print("from stdout")
        print("from stderr, with", credentials["secretAccessKey"], credentials["sessionToken"], file=sys.stderr)
        print(json.dumps({"result": "Success", "outputVariables": {"Said": said.strip()},
                          "status": {"ExternalExecutionId": "run-7", "Summary": "all good"}}))
    """)
    build = ended(sandbox, name, execution)
    assert build["status"] == "Succeeded", (build, penstock.log()[-3000:])
    assert build["output"]["outputVariables"] == {"Said": "tool"}
    result = build["output"]["executionResult"]
    assert result["externalExecutionId"] == "run-7" and result["externalExecutionSummary"] == "all good"
    assert result["externalExecutionUrl"] == "https://ci.example.com/run-7"
    assert sandbox.executions(name)[0]["sourceRevisions"][0]["revisionId"] == "r-1"
    assert zipfile.ZipFile(io.BytesIO(sandbox.artifact(build))).namelist() == ["empty/", "link", "said.txt"]
    assert zipfile.ZipFile(io.BytesIO(sandbox.artifact(build))).read("said.txt") == b"tool\n"
    assert ended(sandbox, name, execution, "Deploy")["status"] == "Succeeded"
    job = job_of(penstock, execution)
    log = penstock.job_log(job["id"])
    assert "50 % half way" in log and "from stdout" in log and "from stderr, with *** ***" in log
    assert set(job["phases"]) >= {"fetch", "run", "zip", "upload"}
    nothing_left(penstock)


@pytest.mark.parametrize("what", ["exit", "signal", "fail", "bad-result", "variables", "special", "missing-user"])
def test_failures_say_why(sandbox, run, what, tmp_path):
    build = {
        "exit": "print('cannot find the compiler', file=sys.stderr); sys.exit(4)",
        "signal": "os.kill(os.getpid(), 11)",
        "fail": """print(json.dumps({"result": "Fail", "failureType": "ConfigurationError", "status": {"Summary": "no target"}}))""",
        "bad-result": """print(json.dumps({"result": "Perhaps"}))""",
        "variables": """print(json.dumps({"result": "Success", "outputVariables": {"a b": "1"}}))""",
        "special": "os.mkfifo('outputs/Result/pipe')",
        "missing-user": "",
    }[what]
    options = {"user": "no-such-user", "workDirectory": str(tmp_path / "work")} if what == "missing-user" else {}
    name, execution, penstock = run(GOOD_SOURCE, build, **options)
    error = ended(sandbox, name, execution)["output"]["executionResult"]["errorDetails"]
    code, message = {
        "exit": ("JobFailed", "the command \"/usr/bin/python3\" exited with status 4:\ncannot find the compiler"),
        "signal": ("JobFailed", "the command \"/usr/bin/python3\" was ended by signal 11 (SIGSEGV)"),
        "fail": ("ConfigurationError", "no target"),
        "bad-result": ("JobFailed", "expected result Success, Continue or Fail, found \"Perhaps\""),
        "variables": ("JobFailed", "the output variable \"a b\" has other characters"),
        "special": ("JobFailed", "packing output artifact Result: \"pipe\" is neither a file nor a folder nor a link"),
        "missing-user": ("ConfigurationError", "there is no such user"),
    }[what]
    assert error["code"] == code and message in error["message"], error
    if what != "missing-user":
        nothing_left(penstock)


def test_what_does_not_end_is_ended(sandbox, run):
    began = time.monotonic()
    name, execution, penstock = run(GOOD_SOURCE, """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
        sys.stdout.write("x" * 50_000_000 + "\\n")
        for i in range(200_000):
            print("line", i, file=sys.stderr)
        time.sleep(600)
    """, timeout="4s", limits={"log": "100KiB"})
    error = ended(sandbox, name, execution)["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "JobFailed" and "the job took longer than 4s" in error["message"], error
    assert time.monotonic() - began < PATIENCE
    nothing_left(penstock)
    log = penstock.job_log(job_of(penstock, execution)["id"])
    # Too much for its bounds, or too fast for the disk.
    assert ("what follows is left out" in log or "lines were dropped" in log) and len(log) < 400_000


def test_a_bomb_of_forks_is_ended(sandbox, run):
    name, execution, penstock = run(GOOD_SOURCE, """
        while True:
            os.fork()
            time.sleep(0.2)
    """, limits={"processes": 60})
    error = ended(sandbox, name, execution)["output"]["executionResult"]["errorDetails"]
    assert "processes, more than limits.processes allows" in error["message"], error
    nothing_left(penstock)


def test_outputs_are_bounded(sandbox, run):
    name, execution, penstock = run(GOOD_SOURCE, """
        for i in range(30):
            open(f"outputs/Result/{i}", "w").write("x")
    """, limits={"files": 20})
    error = ended(sandbox, name, execution)["output"]["executionResult"]["errorDetails"]
    assert "is one more than the 20 files that are allowed" in error["message"], error
    nothing_left(penstock)


def test_goes_on_over_several_jobs(sandbox, run):
    name, execution, penstock = run(GOOD_SOURCE, """
        step = int(data.get("continuationToken", "0"))
        if step < 3:
            print(json.dumps({"result": "Continue", "continuation": {"State": str(step + 1)},
                              "status": {"ExternalExecutionId": "long-1", "Summary": f"step {step}"}}))
        else:
            open("outputs/Result/done", "w").write("yes")
    """)
    build = ended(sandbox, name, execution)
    assert build["status"] == "Succeeded", build
    jobs = [j for j in penstock.all("jobs") if j["pipelineExecutionId"] == execution and j["stage"] == "Build"]
    assert len(jobs) == 4
    nothing_left(penstock)


# Whoever may report a job can end it with a token of his own making, or of another action's.
ATTACKER = """
    token = data.get("continuationToken")
    if token is None:
        import boto3
        client = boto3.client("codepipeline", endpoint_url=os.environ["BUILD_ENDPOINT"])
        client.put_job_success_result(jobId=job["id"], continuationToken=TOKEN)
        sys.exit(0)
    open(os.path.join(scripts, "got-it"), "w").write(token)
"""


@pytest.mark.parametrize("kind", ["forged", "of-another-action", "changed", "cut"])
def test_an_attackers_token_is_refused(sandbox, run, kind, tmp_path):
    aws = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    state = '{"step": 1, "note": "\u00e4 & \\u0000"}'
    name, execution, penstock = run(GOOD_SOURCE, f"""
        token = data.get("continuationToken")
        if token is None:
            print(json.dumps({{"result": "Continue", "continuation": {{"State": {state!r}}}}}))
        else:
            assert token == {state!r}, token
    """, extra=aws)
    assert ended(sandbox, name, execution)["status"] == "Succeeded", penstock.log()[-3000:]
    real = next(entry["detail"] for job in sandbox.state()["jobs"] for entry in job["history"]
                if job["executionId"] == execution and entry["event"] == "continued")
    assert len(real) <= 2048 and "step" not in real
    token = {"forged": "x" * 300, "of-another-action": real, "cut": real[:-3],
             "changed": real[:60] + ("A" if real[60] != "A" else "B") + real[61:]}[kind]
    penstock.process.close()
    script(tmp_path / "scripts/build.py", f"TOKEN = {token!r}\n" + __import__("textwrap").dedent(ATTACKER))
    penstock.start()
    second = start(sandbox, name)
    error = ended(sandbox, name, second)["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "ConfigurationError", error
    assert error["message"].startswith("continuing the job: its continuation token was not made by "), error
    assert token not in error["message"]
    assert not (tmp_path / "scripts/got-it").exists()
    nothing_left(penstock)


# As AWS's own examples look; only the shim knows that this is no Lambda function.
LAMBDA = """\
    import boto3, json
    code_pipeline = boto3.client('codepipeline')

    def lambda_handler(event, context):
        job_id = event['CodePipeline.job']['id']
        try:
            parameters = json.loads(event['CodePipeline.job']['data']['actionConfiguration']['configuration']['UserParameters'])
            if parameters['good']:
                code_pipeline.put_job_success_result(jobId=job_id)
            else:
                code_pipeline.put_job_failure_result(jobId=job_id, failureDetails={'message': 'as told', 'type': 'JobFailed'})
        except Exception as e:
            code_pipeline.put_job_failure_result(jobId=job_id, failureDetails={'message': str(e), 'type': 'JobFailed'})
        return "Complete."
"""
SHIM = """\
    import functools, json, os, sys
    import boto3
    boto3.client = functools.partial(boto3.client, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    sys.path.insert(0, os.path.dirname(__file__))
    import function
    function.lambda_handler(json.load(sys.stdin), None)
"""


@pytest.mark.parametrize("parameters", ['{"good": true}', '{"good": false}', "no json"])
def test_a_lambda_function_runs_unchanged(sandbox, types, make_penstock, tmp_path, parameters, request):
    assert importlib.util.find_spec("boto3"), "python3-boto3 is not installed: deploy/dependencies.sh --tests"
    provider = "Lambda" + str(abs(hash(parameters)) % 10_000)
    create_type(sandbox, "Invoke", provider, properties=("FunctionName", "UserParameters"))
    script(tmp_path / "function.py", LAMBDA)
    shim = script(tmp_path / "shim.py", SHIM)
    runner = script(tmp_path / "source.py", "import os\nopen('outputs/Code/x', 'w').write('x')\n")
    penstock = make_penstock([], workers=[
        worker("Source", "Script", [PYTHON, runner]),
        worker("Invoke", provider, [PYTHON, shim], environment=[
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"])]).start()
    name = "lambda-" + provider
    create_pipeline(sandbox, name, [
        ("Source", [action("Source", "Source", "Script", outputs=["Code"], configuration={"Task": "x"})]),
        ("Invoke", [action("Invoke", "Invoke", provider, configuration={
            "FunctionName": "MyFunction", "UserParameters": parameters})])])
    execution = start(sandbox, name)
    invoked = ended(sandbox, name, execution, "Invoke")
    job = job_of(penstock, execution, "Invoke")
    if "true" in parameters:
        assert invoked["status"] == "Succeeded" and job["state"] == "succeeded", (invoked, job)
    else:
        message = invoked["output"]["executionResult"]["errorDetails"]["message"]
        assert message == ("as told" if "false" in parameters else "Expecting value: line 1 column 1 (char 0)")


# The source uploads what it wants itself, with the job's credentials, as a Lambda function may.
HOSTILE_SOURCE = """
    import botocore.session
    location = data["outputArtifacts"][0]["location"]["s3Location"]
    credentials = data["artifactCredentials"]
    session = botocore.session.Session()
    session.set_credentials(credentials["accessKeyId"], credentials["secretAccessKey"], credentials["sessionToken"])
    import botocore.config
    s3 = session.create_client("s3", "eu-central-1", endpoint_url=os.environ["BUILD_ENDPOINT"],
                               config=botocore.config.Config(s3={"addressing_style": "path"}))
    made = io.BytesIO()
    archive = zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED)
    def entry(name, mode, content):
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr, info.compress_type = 3, mode << 16, zipfile.ZIP_DEFLATED
        archive.writestr(info, content)
"""
FINISH = """
    archive.close()
    s3.put_object(Bucket=location["bucketName"], Key=location["objectKey"], Body=made.getvalue(),
                  ServerSideEncryption="aws:kms")
"""


@pytest.mark.parametrize("what", ["bomb", "escape", "absolute", "link", "link-through-link", "not-a-zip"])
def test_hostile_inputs_are_refused(sandbox, run, what):
    make, message = {
        "bomb": ("""
    with archive.open("zeros.bin", "w") as out:
        for _ in range(100):
            out.write(bytes(1 << 20))
            """, "unpacking input artifact Code: \"zeros.bin\" would grow from"),
        "escape": ("""
    entry("../../escaped", 0o100644, "x")
            """, "\"../../escaped\" leads out of the folder"),
        "absolute": ("""
    entry("/tmp/penstock-e2e-escaped", 0o100644, "x")
            """, "\"/tmp/penstock-e2e-escaped\" has an absolute name"),
        "link": ("""
    entry("l", 0o120777, "../../..")
            """, "\"l\" is a link to \"../../..\", which leads out of the folder"),
        "link-through-link": ("""
    entry("a/b", 0o120777, "..")
    entry("c", 0o120777, "a/b/../..")
            """, "\"c\" is a link to \"a/b/../..\", which leads out of the folder"),
        "not-a-zip": ("""
    made = io.BytesIO(b"hello")
            """, "unpacking input artifact Code: "),
    }[what]
    name, execution, penstock = run(HOSTILE_SOURCE + make + FINISH, "open('outputs/Result/ran', 'w').write('x')")
    build = ended(sandbox, name, execution)
    error = build["output"]["executionResult"]["errorDetails"]
    assert error["code"] == "JobFailed" and message in error["message"], error
    assert not os.path.exists("/tmp/penstock-e2e-escaped")
    nothing_left(penstock)


def test_runs_as_another_user(sandbox, run, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o1 == 0:
            folder.chmod(folder.stat().st_mode | 0o5)
    work = tmp_path / "work"
    name, execution, _ = run(GOOD_SOURCE, """
        import pwd
        assert pwd.getpwuid(os.getuid()).pw_name == "nobody"
        open("outputs/Result/me", "w").write(open("inputs/Code/bin/tool").read())
    """, user="nobody", workDirectory=str(work))
    build = ended(sandbox, name, execution)
    if os.getuid() != 0:
        message = build["output"]["executionResult"]["errorDetails"]["message"]
        assert "only a server that runs as root can become another user" in message
        return
    assert build["status"] == "Succeeded", build
    assert [p.name for p in work.iterdir()] == [".lock"]
