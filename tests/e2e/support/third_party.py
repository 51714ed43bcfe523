"""Third-party actions: a server that offers one, pipelines with it, and signing up as a browser does."""

import json
import re
import secrets
import sys
from urllib.parse import parse_qs, urlencode, urlsplit

from support import web
from support.sandbox import BUCKET, ROLE

ACTION_TYPE = {"category": "Test", "owner": "ThirdParty", "provider": "LoadTest", "version": "1"}
TYPE_ID = "Test/ThirdParty/LoadTest/1"
PATH = "/thirdparty/loadtest"

COMMAND = """
import json, sys
job = json.load(sys.stdin)["CodePipeline.job"]
print("preset:", job["data"]["actionConfiguration"]["configuration"]["Preset"], file=sys.stderr)
print(json.dumps({"result": "Success", "status": {"Summary": "nobody waited", "ExternalExecutionId": "run-7"}}))
"""


def create_pipeline(sandbox, name, actions=()):
    source = {"name": "Source", "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
              "configuration": {"S3Bucket": BUCKET, "S3ObjectKey": "x"}, "outputArtifacts": [{"name": "SourceOutput"}]}
    deploy = {"name": "Deploy", "inputArtifacts": [{"name": "SourceOutput"}],
              "actionTypeId": {"category": "Deploy", "owner": "AWS", "provider": "S3", "version": "1"},
              "configuration": {"BucketName": BUCKET, "Extract": "false", "ObjectKey": "x"}}
    stages = [{"name": "Source", "actions": [source]}, {"name": "Deploy", "actions": [deploy]}]
    if actions:
        stages.append({"name": "Test", "actions": list(actions)})
    sandbox.call("CreatePipeline", {"pipeline": {
        "name": name, "roleArn": ROLE, "artifactStore": {"type": "S3", "location": BUCKET}, "version": 1, "stages": stages}})


def start_signing_up(make_penstock, sandbox, tmp_path, keys=None, command=COMMAND):
    script = tmp_path / "loadtest.py"
    script.write_text(command)
    keys = keys or {"SIGN_UP_KEY": secrets.token_hex(32)}
    server = make_penstock([], workers=[], environment=keys, thirdParty=[{
        "actionType": ACTION_TYPE, "signupPath": PATH,
        "confirmationUrl": f"{sandbox.url}/_sandbox/console/confirm?response={{response}}",
        "key": [{"secret": f"env:{name}"} for name in keys],
        "handler": "command", "command": {"argv": [sys.executable, str(script)]},
        "concurrency": 2, "pollInterval": {"idle": "500ms", "busy": "100ms"},
        "properties": [{"name": "Preset", "required": True, "description": "Which of your load tests to run."},
                       {"name": "ApiKey", "required": True, "secret": True,
                        "description": "Of your account at the load test service."},
                       {"name": "Label"}]}])
    # One sandbox serves all scenarios of a file; its type leads to the first of their servers.
    if sandbox.codepipeline.list_action_types(actionOwnerFilter="ThirdParty")["actionTypes"]:
        return server.start()
    sandbox.admin("third-party-types", {
        **{key: value for key, value in ACTION_TYPE.items() if key != "owner"},
        "settings": {"thirdPartyConfigurationUrl": server.url + PATH},
        "configurationProperties": [
            {"name": "Preset", "required": True, "key": True, "secret": False},
            {"name": "ApiKey", "required": True, "key": False, "secret": True},
            {"name": "Label", "required": False, "key": False, "secret": False}],
        "inputArtifactDetails": {"minimumCount": 0, "maximumCount": 1},
        "outputArtifactDetails": {"minimumCount": 0, "maximumCount": 0}})
    return server.start()


def connect(sandbox, pipeline, action="Load"):
    """What the console sends along with the button."""
    page = web.request("GET", f"{sandbox.url}/_sandbox/console?" + urlencode(
        {"pipeline": pipeline, "stage": "Test", "action": action, "type": TYPE_ID}))
    assert page.status == 200, page.text
    url = re.search('action="([^"]*)"', page.text).group(1).replace("&amp;", "&")
    return json.loads(parse_qs(urlsplit(url).query)["request"][0])


def post(server, fields, query="", **headers):
    body = urlencode(fields).encode()
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return server.request("POST", PATH + query, body, sent)


def begin(server, request, **headers):
    """The answer to the console's request: a redirect to the form when it is good."""
    return post(server, {"request": request if isinstance(request, str) else json.dumps(request)}, **headers)


def open_form(server, request):
    """(fields of the form, cookie) as a browser has them."""
    answer = begin(server, request)
    assert answer.status == 303, (answer.status, answer.text)
    cookie = answer.headers["set-cookie"].split(";")[0]
    page = server.request("GET", answer.headers["location"], headers={"Cookie": cookie})
    assert page.status == 200, (page.status, page.text)
    hidden = dict(re.findall('type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
    return hidden, cookie


def sign_up(sandbox, server, request, confirm=True, **properties):
    """The whole of it; the address of the confirmation."""
    hidden, cookie = open_form(server, request)
    filled = {f"property-{name}": value for name, value in {"Preset": "p", "ApiKey": "k", **properties}.items()}
    answer = post(server, {**hidden, **filled}, Cookie=cookie)
    assert answer.status == 303, (answer.status, answer.text)
    where = answer.headers["location"]
    assert where.startswith(f"{sandbox.url}/_sandbox/console/confirm?response="), where
    if confirm:
        confirmed = web.request("GET", where)
        assert confirmed.status == 200, confirmed.text
    return where
