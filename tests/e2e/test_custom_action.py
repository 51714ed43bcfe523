"""The user guide's walk through a custom build action, with the AWS CLI and with the program's own commands: the type
is made from a file, the action is put between a source and a deploy stage, and its jobs are worked here."""

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from support import payloads
from support.commands import PYTHON, script, worker
from support.penstock import PATIENCE, run, webhook
from support.processes import eventually
from support.repositories import executable
from support.sandbox import BUCKET, ROLE

ROOT = Path(__file__).resolve().parents[2]
PUBLIC_URL = "https://gate.example.org"

# The user guide's example, with counts where it says "integer".
BUILD_TYPE = {
    "category": "Build", "provider": "My-Build-Provider-Name", "version": "1",
    "settings": {
        "entityUrlTemplate": "https://my-build-instance/job/{Config:ProjectName}/",
        "executionUrlTemplate": f"{PUBLIC_URL}/jobs/{{ExternalExecutionId}}"},
    "configurationProperties": [{
        "name": "ProjectName", "required": True, "key": True, "secret": False, "queryable": False, "type": "String",
        "description": "The name of the build project must be provided when this action is added to the pipeline."}],
    "inputArtifactDetails": {"minimumCount": 1, "maximumCount": 1},
    "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 1}}

BUILD = """\
    import json, os, subprocess, sys
    job = json.load(sys.stdin)["CodePipeline.job"]
    project = job["data"]["actionConfiguration"]["configuration"]["ProjectName"]
    print("building", project)
    built = subprocess.run(["./make.sh"], cwd="inputs/MyApp", capture_output=True, text=True, check=True).stdout
    open("outputs/MyBuiltApp/app.txt", "w").write(built)
    print(json.dumps({"result": "Success", "outputVariables": {"Project": project}}))
"""


@pytest.fixture
def aws(sandbox, tmp_path):
    """aws(argument, …) -> its JSON: the AWS CLI of the system."""
    program = shutil.which("aws", path="/usr/bin:/usr/local/bin") or shutil.which("aws")
    assert program, "no AWS CLI; run deploy/dependencies.sh --tests"
    environment = {**sandbox.environment, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_PAGER": "",
                   "AWS_DEFAULT_OUTPUT": "json", "LC_ALL": "C.UTF-8"}

    def call(*arguments):
        done = subprocess.run([program, "--endpoint-url", sandbox.url, *map(str, arguments)], capture_output=True,
                              text=True, timeout=120, env=environment, check=False)
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    return call


def test_a_build_action_from_a_file_to_its_links(sandbox, make_penstock, repository, aws, tmp_path):
    definition = tmp_path / "MyCustomAction.json"
    definition.write_text(json.dumps(BUILD_TYPE))
    made = aws("codepipeline", "create-custom-action-type", "--cli-input-json", f"file://{definition}")
    assert made["actionType"]["id"] == {"category": "Build", "owner": "Custom", "version": "1",
                                        "provider": "My-Build-Provider-Name"}

    # A pipeline without the build, as one has it.
    sandbox.create_pipeline("MyFirstPipeline", repository=repository.name)
    pipeline = aws("codepipeline", "get-pipeline", "--name", "MyFirstPipeline")
    pipeline.pop("metadata", None)
    stages = pipeline["pipeline"]["stages"]
    stages[0]["actions"][0]["outputArtifacts"] = [{"name": "MyApp"}]
    stages.insert(1, {"name": "MyBuildStage", "actions": [{
        "name": "MyBuildCustomAction", "runOrder": 1,
        "actionTypeId": {"category": "Build", "owner": "Custom", "version": "1", "provider": "My-Build-Provider-Name"},
        "inputArtifacts": [{"name": "MyApp"}], "outputArtifacts": [{"name": "MyBuiltApp"}],
        "configuration": {"ProjectName": "MyBuildProject"}}]})
    stages[2]["actions"][0]["inputArtifacts"] = [{"name": "MyBuiltApp"}]
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(pipeline))
    updated = aws("codepipeline", "update-pipeline", "--cli-input-json", f"file://{file}")
    assert [s["name"] for s in updated["pipeline"]["stages"]] == ["Source", "MyBuildStage", "Deploy"]

    penstock = make_penstock([webhook("app", "MyFirstPipeline")], server={"publicUrl": PUBLIC_URL})
    penstock.configuration["workers"].append(
        worker("Build", "My-Build-Provider-Name", [PYTHON, script(tmp_path / "build.py", BUILD)]))
    penstock.write_configuration()
    penstock.start()
    commit = repository.commit({"make.sh": executable(b"#!/bin/sh\necho built from $(cat version)\n"), "version": b"7\n"})
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])

    def state():
        stages = aws("codepipeline", "get-pipeline-state", "--name", "MyFirstPipeline")["stageStates"]
        found = {action["actionName"]: action for stage in stages for action in stage["actionStates"]}
        statuses = {name: action.get("latestExecution", {}).get("status") for name, action in found.items()}
        assert "Failed" not in statuses.values(), found
        return found if statuses.get("Deploy") == "Succeeded" else None

    actions = eventually("the pipeline to end", state, PATIENCE, 0.3)
    # The links of the console: what is built, and this run of it, which leads to the job here.
    build = actions["MyBuildCustomAction"]
    assert build["entityUrl"] == "https://my-build-instance/job/MyBuildProject/"
    url = build["latestExecution"]["externalExecutionUrl"]
    assert url.startswith(f"{PUBLIC_URL}/jobs/")
    job = penstock.read("/api/v1" + url.removeprefix(PUBLIC_URL))
    assert (job["action"], job["state"], job["pipelineExecutionId"]) == (
        "MyBuildCustomAction", "succeeded", trigger["pipelineExecutionId"])
    assert "building MyBuildProject" in penstock.job_log(job["id"])

    run_of_it = sandbox.action("MyFirstPipeline", trigger["pipelineExecutionId"], "MyBuildCustomAction")
    assert run_of_it["output"]["outputVariables"] == {"Project": "MyBuildProject"}
    deployed = sandbox.action("MyFirstPipeline", trigger["pipelineExecutionId"], "Deploy")["input"]["inputArtifacts"][0]
    assert deployed == run_of_it["output"]["outputArtifacts"][0]
    with zipfile.ZipFile(io.BytesIO(sandbox.artifact(run_of_it))) as artifact:
        assert artifact.namelist() == ["app.txt"]
        assert artifact.read("app.txt") == b"built from 7\n"


def test_action_types_of_the_deploy_folder(sandbox, aws, make_penstock, tmp_path):
    penstock = make_penstock([], server={"publicUrl": PUBLIC_URL})
    environment = penstock.environment

    def action_type(what, *arguments, status=0, config=True):
        done = run("action-type", what, *arguments, *(["--config", penstock.config_file] if config else []), env=environment)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done

    files = sorted((ROOT / "deploy/action-types").glob("*.json"))
    categories = [json.loads(file.read_text())["category"] for file in files]
    assert set(categories) == {"Source", "Build", "Test", "Deploy", "Invoke"}
    for file in files:
        definition = json.loads(file.read_text())
        identifier = f"{definition['category']}/Custom/{definition['provider']}/1"
        if definition["provider"] == "AzureDevOpsRepo":
            continue  # another one is there already, see below
        missing = action_type("describe", file, status=1)
        assert f"{identifier} does not exist" in missing.stderr
        created = action_type("create", file)
        assert json.loads(created.stdout)["id"]["provider"] == definition["provider"]
        assert f"{identifier} created" in created.stderr
        again = action_type("create", file)
        assert f"{identifier} exists already, as defined" in again.stderr
        assert f"{PUBLIC_URL}/jobs/{{ExternalExecutionId}}" in action_type("describe", file).stdout

    # What is there under the same name is not what the file says.
    source = ROOT / "deploy/action-types/azure-devops-source.json"
    differs = action_type("create", source, status=1)
    assert "it exists and is something else; a type cannot be changed, give the definition another version" in differs.stderr
    assert 'property "PipelineName": there in the definition, not in the existing type' in differs.stderr

    listed = [json.loads(line) for line in action_type("list").stdout.splitlines()]
    theirs = aws("codepipeline", "list-action-types", "--action-owner-filter", "Custom")["actionTypes"]
    assert {json.dumps(t["id"], sort_keys=True) for t in listed} == {json.dumps(t["id"], sort_keys=True) for t in theirs}

    # Without a configuration the example's address would stay in the links.
    refused = action_type("create", files[1], status=1, config=False)
    assert 'settings.executionUrlTemplate: "https://penstock.example.com" stands for your server' in refused.stderr
    broken = tmp_path / "broken.json"
    broken.write_text(source.read_text().replace('"key"', '"kee"', 1).replace("Config:Branch", "Config:Brnach"))
    told = action_type("create", broken, status=1).stderr
    assert f'{broken}: configurationProperties[0].kee: is no member here; did you mean "key"?' in told
    assert '{Config:Brnach} names no property; did you mean "Branch"?' in told


def test_links_of_a_source_action(sandbox, make_penstock, repository, aws):
    penstock = make_penstock([webhook("links", "links")], server={"publicUrl": PUBLIC_URL})
    source = json.loads((ROOT / "deploy/action-types/azure-devops-source.json").read_text())
    made = run("action-type", "create", "-", "--config", penstock.config_file, env=penstock.environment,
               data=json.dumps({**source, "version": "2"}))
    assert made.returncode == 0, made.stderr
    sandbox.call("CreatePipeline", {"pipeline": {
        "name": "links", "roleArn": ROLE, "artifactStore": {"type": "S3", "location": BUCKET}, "version": 1,
        "stages": [
            {"name": "Source", "actions": [{
                "name": "Source", "actionTypeId": {"category": "Source", "owner": "Custom", "version": "2",
                                                   "provider": "AzureDevOpsRepo"},
                "configuration": {"Organization": payloads.ORGANIZATION, "Project": payloads.PROJECT,
                                  "Repo": repository.name, "Branch": "main", "PipelineName": "links"},
                "outputArtifacts": [{"name": "Code"}]}]},
            {"name": "Deploy", "actions": [{
                "name": "Deploy", "actionTypeId": {"category": "Deploy", "owner": "AWS", "version": "1", "provider": "S3"},
                "configuration": {"BucketName": BUCKET, "Extract": "false", "ObjectKey": "deployed/links.zip"},
                "inputArtifacts": [{"name": "Code"}]}]}]}})
    penstock.configuration["workers"][0]["actionType"]["version"] = "2"
    penstock.write_configuration()
    penstock.start()
    commit = repository.commit({"README.md": b"links\n"})
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    job = penstock.finished_job(trigger["pipelineExecutionId"])
    state = aws("codepipeline", "get-pipeline-state", "--name", "links")["stageStates"][0]["actionStates"][0]
    repository_url = f"https://dev.azure.com/{payloads.ORGANIZATION}/{payloads.PROJECT}/_git/{repository.name}"
    assert state["entityUrl"] == f"{repository_url}?version=GBmain"
    assert state["revisionUrl"] == f"{repository_url}/commit/{commit}"
    assert state["latestExecution"]["externalExecutionUrl"] == f"{PUBLIC_URL}/jobs/{job['id']}"
