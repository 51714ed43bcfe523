"""Third-party actions: signed up for in a real browser, then worked; and what becomes of the client's token."""

import os
import re

from support.penstock import PATIENCE
from support.processes import eventually
from support.third_party import ACTION_TYPE, PATH, TYPE_ID, create_pipeline, start_signing_up

def memory_holds(pid, wanted):
    """Where a process has these bytes in memory it can write to: what a core file of it would hold, and more."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not match:
                continue
            begin, end = (int(number, 16) for number in match.groups())
            memory.seek(begin)
            try:
                content = memory.read(end - begin)
            except OSError:
                continue
            at = content.find(wanted)
            if at >= 0:
                found.append((line.strip(), at, content[max(0, at - 60):at + len(wanted) + 30]))
    return found


def test_action_is_signed_up_for_changed_and_worked(make_penstock, sandbox, browser, tmp_path):
    server = start_signing_up(make_penstock, sandbox, tmp_path)
    create_pipeline(sandbox, "shop")
    asked = browser.run("sign-up", CONSOLE_URL=f"{sandbox.url}/_sandbox/console", SIGN_UP_URL=server.url + PATH,
                        PIPELINE="shop", ACTION_TYPE=TYPE_ID)
    token = asked["clientToken"].encode()

    # The actions run, and their jobs are done.
    execution = sandbox.codepipeline.start_pipeline_execution(name="shop")["pipelineExecutionId"]
    action = sandbox.finished_action_of("shop", execution, "Load")
    assert action["status"] == "Succeeded", action
    assert action["output"]["executionResult"]["externalExecutionId"] == "run-7", action
    assert action["input"]["configuration"]["ApiKey"] == "****"
    jobs = eventually("three finished jobs", lambda: [
        j for j in server.all("jobs") if j["state"] == "succeeded"] if len(
            [j for j in server.all("jobs") if j["state"] == "succeeded"]) == 3 else None, PATIENCE)
    job = next(j for j in jobs if j["action"] == "Load")
    assert job["actionType"] == TYPE_ID and job["pipeline"] == "shop"
    assert "preset: Übergröße & co" in server.job_log(job["id"])

    # A client that never signed up: told, counted, left alone; and it does not keep the others from their jobs.
    stranger = {"name": "Load", "actionTypeId": ACTION_TYPE, "configuration": {"Preset": "p", "ApiKey": "k"}}
    create_pipeline(sandbox, "stranger", [stranger, {**stranger, "name": "Load-2"}, {**stranger, "name": "Load-3"}])
    left = sandbox.codepipeline.start_pipeline_execution(name="stranger")["pipelineExecutionId"]
    eventually("the stranger's job to be noticed", lambda: "never signed up here" in server.log(), PATIENCE)
    assert sandbox.action("stranger", left, "Load")["status"] == "InProgress"
    again = sandbox.codepipeline.start_pipeline_execution(name="shop")["pipelineExecutionId"]
    assert sandbox.finished_action_of("shop", again, "Load")["status"] == "Succeeded"
    assert not [j for j in server.all("jobs") if j["pipeline"] == "stranger"]

    # The token is nowhere: not in the files, not in the log, not in the memory of the process.
    eventually("nothing to run", lambda: all(j["state"] == "succeeded" for j in server.all("jobs")), PATIENCE)
    for path in [*server.directory.rglob("*"), *tmp_path.glob("*.log")]:
        if path.is_file():
            assert token not in path.read_bytes(), path
    assert (server.directory / "data/history.db-wal").stat().st_size > 0
    command_line = open(f"/proc/{server.process.pid}/cmdline", "rb").read()
    assert token not in command_line and b"serve" in command_line
    if not os.environ.get("PENSTOCK_E2E_PATIENCE") and os.geteuid() == 0:
        eventually("the token to be out of the memory", lambda: not memory_holds(server.process.pid, token), 20)
        marker = str(server.config_file).encode()
        assert memory_holds(server.process.pid, marker), "nothing is found in the memory at all"
