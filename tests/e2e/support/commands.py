"""Workers whose jobs are done by small scripts, and pipelines for them."""

import textwrap

from support.sandbox import BUCKET, ROLE

PYTHON = "/usr/bin/python3"


def create_type(sandbox, category, provider, inputs=(0, 5), outputs=(0, 5), properties=("Task",), **settings):
    sandbox.codepipeline.create_custom_action_type(
        category=category, provider=provider, version="1",
        configurationProperties=[{"name": name, "required": True, "key": False, "secret": False, "queryable": False,
                                  "type": "String"} for name in properties],
        inputArtifactDetails=dict(zip(("minimumCount", "maximumCount"), inputs)),
        outputArtifactDetails=dict(zip(("minimumCount", "maximumCount"), outputs)), **settings)


def action(name, category, provider, inputs=(), outputs=(), configuration=None, owner="Custom", namespace=None):
    made = {"name": name, "actionTypeId": {"category": category, "owner": owner, "provider": provider, "version": "1"},
            "inputArtifacts": [{"name": n} for n in inputs], "outputArtifacts": [{"name": n} for n in outputs],
            "configuration": configuration or {}}
    if namespace:
        made["namespace"] = namespace
    return made


def create_pipeline(sandbox, name, stages):
    """`stages` is [(stage name, [action, …]), …]."""
    sandbox.call("CreatePipeline", {"pipeline": {
        "name": name, "roleArn": ROLE, "artifactStore": {"type": "S3", "location": BUCKET}, "version": 1,
        "pipelineType": "V2", "executionMode": "PARALLEL",
        "stages": [{"name": stage, "actions": actions} for stage, actions in stages]}})


def start(sandbox, name):
    return sandbox.codepipeline.start_pipeline_execution(name=name)["pipelineExecutionId"]


def script(path, text):
    path.write_text(textwrap.dedent(text))
    return str(path)


def worker(category, provider, argv, timeout="1m", concurrency=4, **command):
    return {"actionType": {"category": category, "owner": "Custom", "provider": provider, "version": "1"},
            "handler": "command", "concurrency": concurrency, "timeout": timeout,
            "pollInterval": {"idle": "300ms", "busy": "100ms"}, "command": {"argv": argv, **command}}
