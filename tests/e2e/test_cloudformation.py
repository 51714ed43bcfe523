"""The cloudformation handler: templates of input artifacts become stacks."""

import json
import re
import time
import urllib.parse

import pytest

from support import web
from support.commands import PYTHON, action, create_pipeline, create_type, script, start, worker
from support.processes import eventually
from support.penstock import PATIENCE
from support.sandbox import ACCESS_KEY, REGION, SECRET_KEY

TEMPLATE = {
    "Parameters": {"Name": {"Type": "String"}, "Size": {"Type": "String", "Default": "small"}},
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Name"}}},
                  "Queue": {"Type": "AWS::SQS::Queue"}},
    "Outputs": {"TopicName": {"Value": {"Ref": "Name"}}, "Fixed": {"Value": "a & b"}},
}


@pytest.fixture(scope="module")
def types(sandbox):
    create_type(sandbox, "Source", "Script", inputs=(0, 0), outputs=(1, 1))
    create_type(sandbox, "Invoke", "StackDeploy", inputs=(0, 5), outputs=(0, 0), properties=("UserParameters",),
                settings={"executionUrlTemplate": "https://console.example.com/stacks?id={ExternalExecutionId}"})
    sandbox.configure(continuationDelaySeconds=0.2, stackSeconds=1)


@pytest.fixture
def deploy(sandbox, types, make_penstock, tmp_path, request):
    """deploy(files of the artifact, UserParameters) -> (execution, the finished action, penstock)."""
    state = {}

    def go(files, parameters, wait=True, **handler):
        source = script(tmp_path / "source.py", f"""
            import os
            for name, content in {files!r}.items():
                os.makedirs(os.path.dirname("outputs/Code/" + name), exist_ok=True)
                open("outputs/Code/" + name, "w").write(content)
        """)
        if "penstock" not in state:
            state["penstock"] = make_penstock([], workers=[
                worker("Source", "Script", [PYTHON, source]),
                {"actionType": {"category": "Invoke", "owner": "Custom", "provider": "StackDeploy", "version": "1"},
                 "handler": "cloudformation", "pollInterval": {"idle": "300ms", "busy": "100ms"}, **handler}]).start()
        text = parameters if isinstance(parameters, str) else json.dumps(parameters)
        name = re.sub(r"[^a-z0-9]+", "-", f"{request.node.name}-{len(state)}")[-90:]
        state[name] = True
        create_pipeline(sandbox, name, [
            ("Source", [action("Source", "Source", "Script", outputs=["Code"], configuration={"Task": "x"})]),
            ("Deploy", [action("Deploy", "Invoke", "StackDeploy", ["Code"], configuration={"UserParameters": text},
                               namespace="Stack")])])
        execution = start(sandbox, name)
        return execution, ended(sandbox, name, execution) if wait else name, state["penstock"]

    return go


def ended(sandbox, name, execution):
    def look():
        found = sandbox.action(name, execution, "Deploy")
        return found if found and found["status"] != "InProgress" else None
    return eventually(f"the deployment of {name} to end", look, PATIENCE)


def stacks(sandbox, operation, **members):
    """A CloudFormation call as somebody else would make it."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = urllib.parse.urlencode({"Action": operation, "Version": "2010-05-15", **members})
    request = AWSRequest("POST", sandbox.url + "/", data=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "cloudformation", REGION).add_auth(request)
    return web.request("POST", sandbox.url + "/", body.encode(), dict(request.headers.items())).text


def failure(action):
    return action["output"]["executionResult"]["errorDetails"]


def test_creates_then_updates_then_has_nothing_to_do(sandbox, deploy):
    files = {"infra/stack.json": json.dumps(TEMPLATE)}
    parameters = {"stack": "shop", "artifact": "Code", "file": "infra/stack.json", "parameters": {"Name": "one"},
                  "tags": {"team": "web"}}
    _, created, penstock = deploy(files, parameters)
    assert created["status"] == "Succeeded", (created, penstock.log()[-3000:])
    assert created["output"]["outputVariables"] == {"TopicName": "one", "Fixed": "a & b"}
    result = created["output"]["executionResult"]
    assert result["externalExecutionId"].startswith("arn:aws:cloudformation:eu-central-1:")
    assert result["externalExecutionSummary"] == "the stack shop is CREATE_COMPLETE"
    parameters["parameters"]["Name"] = "two"
    _, updated, _ = deploy(files, parameters)
    assert updated["output"]["outputVariables"]["TopicName"] == "two"
    assert updated["output"]["executionResult"]["externalExecutionSummary"] == "the stack shop is UPDATE_COMPLETE"
    _, again, _ = deploy(files, parameters)
    assert again["status"] == "Succeeded"
    assert again["output"]["executionResult"]["externalExecutionSummary"] == "the stack shop needs no update"
    assert again["output"]["outputVariables"]["TopicName"] == "two"


def test_takes_several_tokens_and_survives_kills(sandbox, deploy):
    sandbox.configure(stackSeconds=14)
    try:
        execution, name, penstock = deploy({"t.json": json.dumps(TEMPLATE)}, {
            "stack": "slow", "artifact": "Code", "file": "t.json", "parameters": {"Name": "x"}}, wait=False)
        for _ in range(4):
            time.sleep(1.7)
            penstock.process.kill()
            penstock.start()
        done = ended(sandbox, name, execution)
    finally:
        sandbox.configure(stackSeconds=1)
    assert done["status"] == "Succeeded", (done, penstock.log()[-3000:])
    jobs = [j for j in penstock.all("jobs") if j["pipelineExecutionId"] == execution and j["stage"] == "Deploy"]
    assert len(jobs) >= 3
    assert stacks(sandbox, "DescribeStackEvents", StackName="slow").count("User Initiated") <= 1


def test_a_rollback_tells_what_failed_first(sandbox, deploy):
    broken = json.loads(json.dumps(TEMPLATE))
    broken["Resources"]["Queue"]["Properties"] = {"SandboxFailure": "Queue shop-q already exists"}
    parameters = {"stack": "broken", "artifact": "Code", "file": "t.json", "parameters": {"Name": "x"}}
    _, failed, _ = deploy({"t.json": json.dumps(broken)}, parameters)
    assert failure(failed) == {"code": "JobFailed", "message":
                               "the stack \"broken\" is ROLLBACK_COMPLETE: Queue (AWS::SQS::Queue): Queue shop-q already exists"}
    _, refused, _ = deploy({"t.json": json.dumps(TEMPLATE)}, parameters)
    assert "its status is ROLLBACK_COMPLETE: its creation has failed; delete it" in failure(refused)["message"]


def test_large_templates_go_through_s3(sandbox, deploy):
    sandbox.create_bucket("templates-of-penstock")
    large = {**TEMPLATE, "Description": "x", "Metadata": {"filler": "y" * 60_000}}
    parameters = {"stack": "large", "artifact": "Code", "file": "t.json", "parameters": {"Name": "x"}}
    _, done, penstock = deploy({"t.json": json.dumps(large)}, parameters,
                               cloudformation={"templateBucket": "templates-of-penstock"})
    assert done["status"] == "Succeeded", (done, penstock.log()[-2000:])


@pytest.mark.parametrize("parameters, message", [
    ("not json", "they are no JSON"),
    ("{}", "they must have \"stack\""),
    ({"stack": "s", "file": "t.json"}, "they must have \"artifact\""),
    ({"stack": "s", "artifact": "Code"}, "they must have \"file\""),
    ({"stack": "s", "artifact": "Other", "file": "t.json"}, "the action has no input artifact \"Other\", but Code"),
    ({"stack": "s", "artifact": "Code", "file": "none.json"}, "it has no file \"none.json\""),
    ({"stack": "s", "artifact": "Code", "file": "t.json"}, "Parameters: [Name] must have values"),
    ({"stack": "s", "artifact": "Code", "file": "t.json", "parameters": {"Nmae": "x"}}, "do not exist in the template"),
    ({"stack": "s", "artifact": "Code", "file": "iam.json"}, "add it to \"capabilities\" of the UserParameters"),
], ids=["no-json", "no-stack", "no-artifact", "no-file", "other-artifact", "missing-file", "missing-value", "unknown-parameter",
        "capabilities"])
def test_bad_parameters_have_their_own_messages(deploy, parameters, message):
    files = {"t.json": json.dumps(TEMPLATE), "iam.json": json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role"}}})}
    _, refused, _ = deploy(files, parameters)
    error = failure(refused)
    assert error["code"] == "ConfigurationError" and message in error["message"], error
