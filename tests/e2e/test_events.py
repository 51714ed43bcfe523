"""Hints: events of CodePipeline wake the pollers and end what nobody waits for, through HTTP or out of a queue."""

import json
import random
import re
import shutil
import statistics
import subprocess
import time
import uuid

import pytest

from support.commands import PYTHON, action, create_pipeline, create_type, script, start, worker
from support.event_bridge import EventBridge, queue
from support.penstock import API_TOKEN, HOOK_PASSWORD, PATIENCE, basic
from support.processes import eventually

AUTHENTICATION = [
    {"type": "BASIC", "username": "bridge", "password": {"secret": "env:HOOK_PASSWORD"}},
    {"type": "HEADER", "name": "X-Penstock-Token", "value": {"secret": "env:API_TOKEN"}},
]
KEY = {"X-Penstock-Token": API_TOKEN}  # as a connection with API_KEY authorization sends it
SOURCE = 'import os; open("outputs/Code/a.txt", "w").write("a")'


@pytest.fixture(scope="module")
def types(sandbox):
    create_type(sandbox, "Source", "Script", inputs=(0, 0), outputs=(1, 1))


@pytest.fixture
def serve(sandbox, types, make_penstock, tmp_path):
    """serve(Python of the job, how long the poller rests, events=…): a server, and a pipeline of one job's name."""
    def go(text, idle="10s", **settings):
        runner = script(tmp_path / "job.py", text)
        one = worker("Source", "Script", [PYTHON, runner], concurrency=8)
        # `busy` too: for a minute after its start a poller asks as if it were.
        one["pollInterval"] = {"idle": idle, "busy": idle}
        return make_penstock([], workers=[one], access={"publicMetrics": True, "tokens": [
            {"name": "ops", "token": {"secret": "env:API_TOKEN"}, "scopes": ["history.read"]}]}, **settings)
    return go


@pytest.fixture
def pipeline(sandbox, types, request):
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name).strip("-")
    create_pipeline(sandbox, name, [
        ("Source", [action("Source", "Source", "Script", outputs=["Code"], configuration={"Task": "x"})]),
        ("Deploy", [action("Deploy", "Deploy", "S3", ["Code"], owner="AWS", configuration={
            "BucketName": "harbour-artifacts", "Extract": "false", "ObjectKey": "x.zip"})])])
    return name


def jobs(sandbox, name):
    return [job for job in sandbox.state()["jobs"] if job["pipeline"] == name]


def times(job):
    return {entry["event"]: entry["at"] / 1000 for entry in job["history"]}


def wait_for(sandbox, name, event, count=1):
    def look():
        found = [job for job in jobs(sandbox, name) if event in times(job)]
        return found if len(found) >= count else None
    return eventually(f"{count} jobs of {name} {event}", look, PATIENCE)


def metric(server, name, **labels):
    """The sum over the samples that have these labels."""
    total = 0.0
    for line in server.get("/metrics", token=None).text.splitlines():
        if line.startswith(name + "{") or line.startswith(name + " "):
            if all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
    return total


def settle(sandbox, name, server):
    """Until the poller has asked for the first time, so that from then on it rests."""
    eventually("the first poll", lambda: server.get("/readyz", token=None).status == 200, PATIENCE)


def seconds_to_begin(sandbox, name, pauses):
    for pause in pauses:
        start(sandbox, name)
        time.sleep(pause)
    return [times(job)["acknowledged"] - times(job)["queued"]
            for job in wait_for(sandbox, name, "succeeded", len(pauses))]


def test_job_begins_at_once_with_a_hint_and_not_before_the_next_poll_without(sandbox, serve, pipeline, capsys):
    url = queue(sandbox, "hints")
    server = serve(SOURCE, "10s").start()
    settle(sandbox, pipeline, server)
    without = seconds_to_begin(sandbox, pipeline, [2.5, 2.5, 2.5, 2.5])
    server.process.terminate()

    sandbox.configure(eventQueue="hints")
    server.configuration["events"] = {"sqs": {"queueUrl": url}}
    # However long it rests: only a hint makes it poll.
    server.configuration["workers"][0]["pollInterval"] = {"idle": "1h", "busy": "1h"}
    server.write_configuration()
    server.start()
    settle(sandbox, pipeline, server)
    before = len(jobs(sandbox, pipeline))
    for _ in range(8):
        start(sandbox, pipeline)
        time.sleep(0.3)
    done = wait_for(sandbox, pipeline, "succeeded", before + 8)
    hinted = sorted((times(j) for j in done), key=lambda t: t["queued"])[before:]
    hinted = [t["acknowledged"] - t["queued"] for t in hinted]
    sandbox.configure(eventQueue="")
    assert metric(server, "penstock_events_total", way="queue", outcome="polled") >= 8
    with capsys.disabled():
        print(f"\nfrom queued to acknowledged, pollInterval.idle 10s: median {statistics.median(without):.2f} s, longest "
              f"{max(without):.2f} s; with a hint through SQS: median {statistics.median(hinted):.3f} s, longest "
              f"{max(hinted):.3f} s")


@pytest.mark.parametrize("shape", ["whole", "detail", "flat"])
def test_api_destination_wakes_the_poller(sandbox, serve, pipeline, authority, shape, capsys):
    url = queue(sandbox, f"destination-{shape}")
    server = serve(SOURCE, "1h", events={"endpoints": {"aws": {"authentication": AUTHENTICATION}}}).start()
    settle(sandbox, pipeline, server)
    transform = {
        "whole": lambda event: event,
        "detail": lambda event: event["detail"],
        "flat": lambda event: {"eventId": event["id"], "pipeline": event["detail"]["pipeline"],
                               "executionId": event["detail"]["execution-id"], "region": event["region"]},
    }[shape]
    sandbox.configure(eventQueue=f"destination-{shape}")
    with EventBridge(sandbox, url, server.url + "/events/aws", authority.certificate, KEY, transform, twice=True) as bridge:
        for _ in range(3):
            start(sandbox, pipeline)
        wait_for(sandbox, pipeline, "succeeded", 3)
        eventually("all events", lambda: sandbox.state()["queues"][f"destination-{shape}"]["waiting"] == 0, PATIENCE)
    sandbox.configure(eventQueue="")
    assert not bridge.dropped
    assert metric(server, "penstock_events_total", way="endpoint", outcome="polled") >= 1
    if shape != "detail":  # which has no id
        assert metric(server, "penstock_events_total", outcome="duplicate") >= bridge.delivered / 2
    with capsys.disabled():
        print(f"\n{shape}: {bridge.delivered} events answered, the slowest in {max(bridge.seconds) * 1000:.0f} ms")


def event(execution, state, **members):
    return {"version": "0", "id": str(uuid.uuid4()), "detail-type": "CodePipeline Pipeline Execution State Change",
            "source": "aws.codepipeline", "account": "111122223333", "time": "2026-11-21T09:30:00Z",
            "region": "eu-central-1", "resources": [], "detail": {"pipeline": "x", "execution-id": execution,
                                                                  "state": state, "version": 1.0, **members}}


def post(server, body, headers=None, endpoint="aws"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.request("POST", f"/events/{endpoint}", data, KEY if headers is None else headers)


def test_stop_ends_the_job_and_a_lie_does_not(sandbox, serve, pipeline, tmp_path):
    release = tmp_path / "release"
    server = serve(f"""
        import os, time
        while not os.path.exists("{release}"): time.sleep(0.05)
        open("outputs/Code/a.txt", "w").write("a")
    """, "300ms", events={"endpoints": {"aws": {"authentication": AUTHENTICATION}}}).start()
    stopped, kept = start(sandbox, pipeline), start(sandbox, pipeline)

    def state(execution):
        return next((j["state"] for j in server.all("jobs") if j["pipelineExecutionId"] == execution), None)
    eventually("both jobs to run", lambda: state(stopped) == state(kept) == "running", PATIENCE)

    # Forged, or late: nothing of it is true. Each of them makes the server ask, and ask again.
    for told in ("FAILED", "STOPPED", "SUPERSEDED", "CANCELED", "STOPPING"):
        assert post(server, event(kept, told)).json()["acted"] == 1
    sandbox.codepipeline.stop_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=stopped, abandon=True,
                                                 reason="by a person")
    assert post(server, event(stopped, "STOPPED")).json() == {"events": 1, "acted": 1, "idle": 0, "duplicate": 0,
                                                              "unknown": 0}
    job = server.finished_job(stopped)
    assert job["state"] == "lost" and "the pipeline execution is Stopped" in job["failure"]["message"], job
    assert state(kept) == "running"
    release.touch()
    assert server.finished_job(kept)["state"] == "succeeded"
    assert post(server, event(stopped, "STOPPED")).json()["idle"] == 1


def test_answers_of_the_endpoint(sandbox, serve):
    server = serve(SOURCE, "1h", events={"endpoints": {
        "aws": {"authentication": AUTHENTICATION},
        "near": {"authentication": AUTHENTICATION, "allowedIpRanges": ["192.0.2.0/24"]}}}).start()
    known = event("x-1", "STARTED")
    assert post(server, known).json()["acted"] == 1
    assert post(server, known, {"Authorization": basic("bridge", HOOK_PASSWORD)}).json()["duplicate"] == 1
    assert post(server, [known, event("x-2", "STARTED"), {"a": 1}]).json() == {
        "events": 3, "acted": 1, "idle": 0, "duplicate": 1, "unknown": 1}
    for odd in ({}, [], None, 7, "x", {"source": "aws.s3", "detail": {}}, {"Type": "SubscriptionConfirmation"}):
        assert post(server, odd).status == 200, odd
    for status, answer in (
            (401, post(server, known, {})),
            (401, post(server, known, {"X-Penstock-Token": "wrong"})),
            (401, post(server, known, {"Authorization": basic("bridge", "wrong")})),
            (403, post(server, known, endpoint="near")),
            (404, post(server, known, endpoint="other")),
            (400, post(server, b"{")),
            (413, post(server, b" " * (1 << 20) + b"{}")),
            (405, server.request("GET", "/events/aws", headers=KEY))):
        assert answer.status == status, (answer.status, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
    assert metric(server, "penstock_event_requests_refused_total") == 5
    assert metric(server, "penstock_events_total", subject="unknown", outcome="broken") == 1


def test_queue_without_permission_or_existence_is_said_once_and_not_ready(sandbox, serve, pipeline):
    url = f"{sandbox.url}/111122223333/later"
    server = serve(SOURCE, "1h", events={"sqs": {"queueUrl": url}}).start()

    def checks():
        return [c["check"] for c in server.get("/readyz", token=None).json()["failing"]]
    eventually("a failed call", lambda: metric(server, "penstock_event_queue_errors_total") >= 2, PATIENCE)
    assert "events" in checks()
    said = [json.loads(line) for line in server.log().splitlines() if "reading the queue of events failed" in line]
    assert [line["level"] for line in said].count("warning") == 1
    assert "correct events.sqs.queueUrl" in said[0]["advice"]
    assert queue(sandbox, "later") == url
    sandbox.configure(eventQueue="later")
    eventually("readiness", lambda: not checks(), PATIENCE)
    # Poison first: it must not be in the way of what follows.
    sandbox.sqs.send_message(QueueUrl=url, MessageBody="no event at all")
    start(sandbox, pipeline)
    wait_for(sandbox, pipeline, "succeeded")
    sandbox.configure(eventQueue="")
    eventually("an empty queue", lambda: sandbox.state()["queues"]["later"] | {"deleted": 0} == {
        "waiting": 0, "inFlight": 0, "deleted": 0}, PATIENCE)
    assert metric(server, "penstock_event_queue_poison_total") == 1
    began = time.monotonic()
    server.process.terminate()
    assert server.process.returncode == 0
    assert time.monotonic() - began < 18, "the long poll was waited for"


def test_queue_and_endpoint_follow_a_reload(sandbox, serve, pipeline):
    first, second = queue(sandbox, "first"), queue(sandbox, "second")
    server = serve(SOURCE, "1h", events={"sqs": {"queueUrl": first}}).start()
    settle(sandbox, pipeline, server)
    assert post(server, event("x", "STARTED")).status == 404
    server.configuration["events"] = {"sqs": {"queueUrl": second},
                                      "endpoints": {"aws": {"authentication": AUTHENTICATION}}}
    server.write_configuration()
    server.reload()
    eventually("the endpoint", lambda: post(server, event("x", "STARTED")).status == 200, PATIENCE)
    sandbox.configure(eventQueue="second")
    start(sandbox, pipeline)
    wait_for(sandbox, pipeline, "succeeded")
    sandbox.configure(eventQueue="")


@pytest.mark.parametrize("way", ["endpoint", "queue"])
def test_killed_while_events_stream_in(sandbox, serve, pipeline, authority, way):
    """Hints are lost with the process, jobs are not."""
    chance, count = random.Random(way), 24
    url = queue(sandbox, f"killed-{way}")
    events = {"endpoint": {"endpoints": {"aws": {"authentication": AUTHENTICATION}}}, "queue": {"sqs": {"queueUrl": url}}}
    server = serve(SOURCE, "1s", events=events[way]).start()
    sandbox.configure(eventQueue=f"killed-{way}", reofferSeconds=1)
    bridge = EventBridge(sandbox, url, server.url + "/events/aws", authority.certificate, KEY) if way == "endpoint" else None
    try:
        for i in range(count):
            start(sandbox, pipeline)
            time.sleep(chance.uniform(0, 0.2))
            if i % 6 == 3:
                server.crash(chance)
        done = wait_for(sandbox, pipeline, "succeeded", count)
    finally:
        sandbox.configure(eventQueue="", reofferSeconds=30)
        if bridge:
            bridge.close()
    for job in done:
        happened = [entry["event"] for entry in job["history"]]
        assert happened.count("acknowledged") == happened.count("succeeded") == 1, job
    eventually("the journal to be quiet", lambda: all(
        job["state"] in ("succeeded", "lost") for job in server.all("jobs")), PATIENCE)
    assert not bridge or not bridge.dropped


AWS = shutil.which("aws", path="/usr/bin:/usr/local/bin")


@pytest.mark.skipif(AWS is None, reason="this release has no package awscli")
def test_the_aws_cli_speaks_with_the_sandboxs_queues(sandbox):
    def aws(*arguments):
        done = subprocess.run([AWS, "--endpoint-url", sandbox.url, "--output", "json", "sqs", *arguments], env={
            "PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **sandbox.environment}, capture_output=True, text=True,
            timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}
    url = aws("create-queue", "--queue-name", "cli", "--attributes", "VisibilityTimeout=1")["QueueUrl"]
    assert aws("get-queue-url", "--queue-name", "cli")["QueueUrl"] == url
    sent = aws("send-message", "--queue-url", url, "--message-body", '{"a": "<&>"}')
    message = aws("receive-message", "--queue-url", url, "--wait-time-seconds", "5")["Messages"][0]
    assert message["MessageId"] == sent["MessageId"] and message["Body"] == '{"a": "<&>"}'
    aws("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    attributes = aws("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["QueueArn"] == "arn:aws:sqs:eu-central-1:111122223333:cli"
    aws("delete-queue", "--queue-url", url)
