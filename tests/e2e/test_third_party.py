"""Third-party actions: requests of strangers, keys that change, crashes, and tokens that somebody else brings."""

import json
import re
import secrets
import uuid

import pytest
from support.penstock import PATIENCE
from support.processes import eventually
from support.third_party import (PATH, begin, connect, create_pipeline, open_form, post, sign_up,
                                 start_signing_up)

TOKEN = "stranger-token-" + "x" * 20


@pytest.fixture
def server(make_penstock, sandbox, tmp_path):
    return start_signing_up(make_penstock, sandbox, tmp_path)


def a_request(**changes):
    request = {"clientId": str(uuid.uuid4()), "clientToken": TOKEN, "requestId": str(uuid.uuid4()), "region": "us-west-2",
               "pipelineContext": {"pipelineName": "p", "stageName": "s", "actionName": "a"}, "actionConfiguration": []}
    request.update(changes)
    return {key: value for key, value in request.items() if value is not None}


def run(sandbox, pipeline):
    execution = sandbox.codepipeline.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]
    return lambda: sandbox.finished_action_of(pipeline, execution, "Load")


def test_requests_that_are_not_as_they_should_be_are_refused_without_an_echo(server):
    good = json.dumps(a_request())
    bad = {
        "no JSON": "{", "no object": "[]", "nothing": "null", "too long": json.dumps(a_request(padding="x" * 20000)),
        "too deep": "[" * 5000, "a name twice": good[:-1] + ', "region": "eu-west-1"}',
        "no client": a_request(clientId=None), "an odd client": a_request(clientId="' OR 1=1 --"),
        "a client in upper case": a_request(clientId=str(uuid.uuid4()).upper()),
        "no token": a_request(clientToken=None), "an empty token": a_request(clientToken=""),
        "a long token": a_request(clientToken="t" * 257), "a token with a line end": a_request(clientToken="a\r\nb"),
        "a token that is a number": a_request(clientToken=7),
        "no request id": a_request(requestId=None),
        "a region that is a host": a_request(region="evil.example.com/"),
    }
    for name, request in bad.items():
        answer = begin(server, request)
        assert answer.status == 400, (name, answer.status, answer.text)
        assert TOKEN not in answer.text and "evil" not in answer.text and "1=1" not in answer.text, name
        assert "set-cookie" not in answer.headers and "location" not in answer.headers
    assert TOKEN not in server.log()


def test_contexts_and_configurations_are_held_to_their_bounds(server):
    context = {"pipelineName": "p", "stageName": "s", "actionName": "a"}
    bad = {
        "no context": a_request(pipelineContext=None),
        "a name with markup": a_request(pipelineContext={**context, "pipelineName": "<script>alert(1)</script>"}),
        "a long name": a_request(pipelineContext={**context, "actionName": "a" * 101}),
        "a configuration that is an object": a_request(actionConfiguration={"a": "b"}),
        "a value that is a list": a_request(actionConfiguration=[{"key": "Preset", "value": ["x"]}]),
        "a long value": a_request(actionConfiguration=[{"key": "Preset", "value": "x" * 1001}]),
        "a control character": a_request(actionConfiguration=[{"key": "Preset", "value": "a\u0000b"}]),
        "a key twice": a_request(actionConfiguration=[{"key": "Preset", "value": "1"}, {"key": "Preset", "value": "2"}]),
        "too many": a_request(actionConfiguration=[{"key": f"k{i}", "value": "1"} for i in range(21)]),
    }
    for name, request in bad.items():
        answer = begin(server, request)
        assert answer.status == 400, (name, answer.status, answer.text)
        assert "<script" not in answer.text, name
    twice = post(server, {"request": json.dumps(a_request())}, query="?request=%7B%7D")
    assert twice.status == 400
    other = server.request("POST", PATH, b"{}", {"Content-Type": "application/json"})
    assert other.status == 415


def test_pages_are_closed_to_scripts_frames_and_other_browsers(sandbox, server):
    hidden, cookie = open_form(server, a_request(actionConfiguration=[{"key": "Preset", "value": '"><script>x</script>'}]))
    page = server.request("GET", f"{PATH}?id={hidden['id']}", headers={"Cookie": cookie})
    assert "<script" not in page.text and "&lt;script" in page.text and TOKEN not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "frame-ancestors 'none'" in policy
    assert f"form-action 'self' {sandbox.url}" in policy
    assert page.headers["x-frame-options"] == "DENY" and page.headers["cache-control"] == "no-store"
    begun = begin(server, a_request())
    assert re.search("__Host-.*; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=900$", begun.headers["set-cookie"])

    filled = {**hidden, "property-Preset": "p", "property-ApiKey": "k"}
    refused = {
        "without a cookie": (filled, {}),
        "with another cookie": (filled, {"Cookie": cookie[:-4] + "AAAA"}),
        "with another form's token": ({**filled, "formToken": "1.x"}, {"Cookie": cookie}),
        "from another site": (filled, {"Cookie": cookie, "Sec-Fetch-Site": "cross-site"}),
        "from a frame": (filled, {"Cookie": cookie, "Sec-Fetch-Dest": "iframe"}),
    }
    for name, (fields, headers) in refused.items():
        answer = post(server, fields, **headers)
        assert answer.status == 403 and "location" not in answer.headers, (name, answer.status)
    assert server.request("GET", f"{PATH}?id={hidden['id']}").status == 410
    assert post(server, filled, Cookie=cookie).status == 303
    assert post(server, filled, Cookie=cookie).status == 410


def test_a_network_begins_only_so_many(server):
    statuses = [begin(server, a_request()).status for _ in range(40)]
    assert statuses[:15] == [303] * 15 and 429 in statuses and set(statuses) == {303, 429}
    assert server.request("GET", "/healthz").status == 200


def test_request_ids_work_once_also_after_a_restart(sandbox, server):
    create_pipeline(sandbox, "once")
    asked = connect(sandbox, "once")
    first, second = open_form(server, asked), open_form(server, asked)
    filled = {"property-Preset": "p", "property-ApiKey": "k"}
    assert post(server, {**first[0], **filled}, Cookie=first[1]).status == 303
    assert post(server, {**second[0], **filled}, Cookie=second[1]).status == 409
    assert begin(server, asked).status == 409
    server.process.kill()
    server.start()
    assert begin(server, asked).status == 409


def test_strangers_cannot_take_a_client_away(sandbox, server):
    create_pipeline(sandbox, "taken")
    asked = connect(sandbox, "taken")
    sign_up(sandbox, server, asked)
    assert run(sandbox, "taken")()["status"] == "Succeeded"
    for i in range(5):
        sign_up(sandbox, server, a_request(clientId=asked["clientId"], clientToken=f"{TOKEN}{i}"), confirm=False)
    assert run(sandbox, "taken")()["status"] == "Succeeded"


def test_keys_can_be_rotated(make_penstock, sandbox, tmp_path):
    keys = {"OLD_KEY": secrets.token_hex(32)}
    server = start_signing_up(make_penstock, sandbox, tmp_path, keys)
    create_pipeline(sandbox, "rotated")
    sign_up(sandbox, server, connect(sandbox, "rotated"))
    server.environment["NEW_KEY"] = secrets.token_hex(32)
    entry = server.configuration["thirdParty"][0]
    for key, told in (([{"secret": "env:NEW_KEY"}, {"secret": "env:OLD_KEY"}], "sealed client tokens with the first key"),
                      ([{"secret": "env:NEW_KEY"}], "")):
        server.process.terminate()
        entry["key"] = key
        server.write_configuration()
        server.start()
        eventually("the server to say what became of the tokens", lambda told=told: told in server.log(), PATIENCE)
        assert run(sandbox, "rotated")()["status"] == "Succeeded"
    server.process.terminate()
    entry["key"] = [{"secret": "env:OLD_KEY"}]
    server.write_configuration()
    server.start()
    eventually("the warning", lambda: "client tokens cannot be opened" in server.log(), PATIENCE)


COUNTING = """
import json, pathlib, sys, time
json.load(sys.stdin)
begun = pathlib.Path(sys.argv[0]).with_suffix(".begun")
first = not begun.exists()
begun.touch()
if first:
    time.sleep(600)
print(json.dumps({"result": "Fail", "failureType": "JobFailed", "status": {"Summary": "slow answers"}}))
"""


def test_a_job_outlives_a_crash_and_its_failure_is_told(make_penstock, sandbox, tmp_path):
    server = start_signing_up(make_penstock, sandbox, tmp_path, command=COUNTING)
    create_pipeline(sandbox, "crash")
    sign_up(sandbox, server, connect(sandbox, "crash"))
    finished = run(sandbox, "crash")
    eventually("the command to run", (tmp_path / "loadtest.begun").exists, PATIENCE)
    server.process.kill()
    server.start()
    action = finished()
    assert action["status"] == "Failed" and "slow answers" in json.dumps(action), action
    assert [j["state"] for j in server.all("jobs")] == ["failed"]
