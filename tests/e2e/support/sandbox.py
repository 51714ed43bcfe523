"""penstock-sandbox as AWS, and the resources that the scenarios need in it."""

import contextlib
import json
import os
import re
from pathlib import Path

import botocore.config
import botocore.session

from support import web
from support.payloads import ORGANIZATION, PROJECT
from support.penstock import ACTION_TYPE, BUILD, PATIENCE
from support.processes import Process, eventually

REGION = "eu-central-1"
ACCESS_KEY = "AKIDSANDBOX000000001"
SECRET_KEY = "sandbox-secret-access-key-of-no-value-00"
BUCKET = "harbour-artifacts"
ROLE = "arn:aws:iam::111122223333:role/pipelines"


class Sandbox:
    def __init__(self, directory, address="127.0.0.1"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = Process([BUILD / "bin/penstock-sandbox", "--listen", f"{address}:0", "--data",
                                self.directory / "data"], self.directory / "sandbox.log",
                               env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        self.url = eventually("penstock-sandbox printing its address", self._address, PATIENCE)
        self.environment = {
            "AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_EC2_METADATA_DISABLED": "true",
        }
        session = botocore.session.Session()
        session.set_credentials(ACCESS_KEY, SECRET_KEY)
        configuration = botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 10})
        self._client = lambda service: session.create_client(service, REGION, endpoint_url=self.url, config=configuration)
        self.codepipeline = self._client("codepipeline")
        self.s3 = self._client("s3")
        self.secrets = self._client("secretsmanager")
        self.sqs = self._client("sqs")

    def _address(self):
        self.process.expect_running()
        match = re.search(r"http://[\d.]+:\d+", self.process.log())
        return match and match.group(0)

    def close(self):
        self.process.close()

    # How it behaves

    def admin(self, what, body=None):
        data = json.dumps(body).encode() if body is not None else None
        answer = web.request("POST" if data else "GET", f"{self.url}/_sandbox/{what}", data)
        assert answer.status == 200, (what, answer.status, answer.text)
        return answer.json()

    def configure(self, **settings):
        self.admin("settings", settings)

    @contextlib.contextmanager
    def faults(self, **faults):
        """Misbehaves inside of `with`; see tests/sandbox/faults.h."""
        self.admin("faults", faults)
        try:
            yield
        finally:
            self.admin("reset-faults", {})

    def state(self):
        return self.admin("state")

    # What is there

    def create_action_type(self, provider=ACTION_TYPE["provider"], queryable=None):
        names = ["Organization", "Project", "Repo", "Branch"]
        properties = [{"name": name, "required": True, "key": name != "Organization", "secret": False,
                       "queryable": False, "type": "String"} for name in names]
        if queryable:
            properties.append({"name": queryable, "required": True, "key": True, "secret": False, "queryable": True,
                               "type": "String"})
        self.codepipeline.create_custom_action_type(
            category="Source", provider=provider, version="1", configurationProperties=properties,
            inputArtifactDetails={"minimumCount": 0, "maximumCount": 0},
            outputArtifactDetails={"minimumCount": 1, "maximumCount": 1})

    def create_bucket(self, name=BUCKET):
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})

    def create_pipeline(self, name, branch="main", repository="shop", provider=ACTION_TYPE["provider"], mode="SUPERSEDED",
                        encryption_key=None, configuration=None):
        store = {"type": "S3", "location": BUCKET}
        if encryption_key:
            store["encryptionKey"] = {"id": encryption_key, "type": "KMS"}
        source = {"name": "Source", "actionTypeId": {**ACTION_TYPE, "provider": provider}, "namespace": "SourceVariables",
                  "configuration": {"Organization": ORGANIZATION, "Project": PROJECT, "Repo": repository,
                                    "Branch": branch, **(configuration or {})},
                  "outputArtifacts": [{"name": "SourceOutput"}]}
        deploy = {"name": "Deploy", "inputArtifacts": [{"name": "SourceOutput"}],
                  "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
                  "configuration": {"BucketName": BUCKET, "Extract": "false", "ObjectKey": f"deployed/{name}.zip"}}
        pipeline = {"name": name, "roleArn": ROLE, "artifactStore": store, "version": 1,
                    "stages": [{"name": "Source", "actions": [source]}, {"name": "Deploy", "actions": [deploy]}]}
        # The client of Debian 12 does not know V2 pipelines yet.
        if mode != "SUPERSEDED":
            self.call("CreatePipeline", {"pipeline": {**pipeline, "pipelineType": "V2", "executionMode": mode}})
        else:
            self.codepipeline.create_pipeline(pipeline=pipeline)

    def call(self, operation, members):
        """A CodePipeline operation by hand, for members that the installed client does not know."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest("POST", self.url + "/", data=json.dumps(members).encode(), headers={
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"CodePipeline_20150709.{operation}"})
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "codepipeline", REGION).add_auth(request)
        answer = web.request("POST", self.url + "/", request.body, dict(request.headers.items()))
        assert answer.status == 200, (operation, answer.status, answer.text)
        return answer.json() if answer.body else {}

    # What happened

    def executions(self, pipeline):
        """All executions of a pipeline, newest first."""
        found, token = [], None
        while True:
            page = self.codepipeline.list_pipeline_executions(pipelineName=pipeline, **({"nextToken": token} if token else {}))
            found += page["pipelineExecutionSummaries"]
            token = page.get("nextToken")
            if not token:
                return found

    def action(self, pipeline, execution, name="Source"):
        """The newest run of an action in an execution, or None."""
        found = self.call("ListActionExecutions", {"pipelineName": pipeline, "filter": {"pipelineExecutionId": execution}})
        return next((a for a in found["actionExecutionDetails"] if a["actionName"] == name), None)

    def finished_action(self, pipeline, execution, timeout=None):
        def look():
            action = self.action(pipeline, execution)
            return action if action and action["status"] != "InProgress" else None
        return eventually(f"the source action of {pipeline} {execution} to finish", look, timeout or PATIENCE)

    def finished_action_of(self, pipeline, execution, name, timeout=None):
        def look():
            action = self.action(pipeline, execution, name)
            return action if action and action["status"] != "InProgress" else None
        return eventually(f"action {name} of {pipeline} {execution} to finish", look, timeout or PATIENCE)

    def artifact(self, action):
        """The bytes that an action put where CodePipeline told it to."""
        where = action["output"]["outputArtifacts"][0]["s3location"]
        return self.s3.get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read()
