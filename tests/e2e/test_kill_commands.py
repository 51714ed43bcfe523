"""Command jobs on 8 workers with time-outs, crashes, daemons, stopped executions and kill -9 of the server: no process and no
folder is left, and each job is reported exactly once.

PENSTOCK_E2E_COMMANDS sets how many (60), PENSTOCK_E2E_SEED which course it takes.
"""

import collections
import os
import random
import time

from support.commands import PYTHON, action, create_pipeline, create_type, script, worker
from support.processes import eventually
from support.penstock import PATIENCE

JOBS = int(os.environ.get("PENSTOCK_E2E_COMMANDS", "60"))
SEED = int(os.environ.get("PENSTOCK_E2E_SEED", str(time.time_ns() % 1_000_000)))

COMMAND = """\
    import json, os, random, signal, sys, time
    job = json.load(sys.stdin)["CodePipeline.job"]
    chance = random.Random(job["data"]["pipelineContext"]["pipelineExecutionId"])
    what = chance.choice(["good", "good", "good", "bad", "crash", "daemon", "hang", "deaf"])
    if what in ("daemon", "deaf") and os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    if what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if what in ("hang", "deaf"):
        time.sleep(600)
    time.sleep(chance.uniform(0, 0.5))
    if what == "crash":
        os.kill(os.getpid(), signal.SIGABRT)
    if what == "bad":
        sys.exit("no luck")
    open("outputs/Result/what", "w").write(what)
"""


def processes_of(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if str(folder).encode() in file.read():
                    found.append(pid)
        except OSError:
            pass
    return found


def test_commands_survive_nothing(sandbox, make_penstock, tmp_path):
    chance = random.Random(SEED)
    print(f"PENSTOCK_E2E_SEED={SEED}, {JOBS} jobs")
    sandbox.configure(reofferSeconds=1.5)
    create_type(sandbox, "Source", "Command", inputs=(0, 0), outputs=(1, 1))
    program = script(tmp_path / "command.py", COMMAND)
    # The last stage is Penstock's as well: an artifact goes in.
    create_pipeline(sandbox, "commands", [
        ("Source", [action("Source", "Source", "Command", outputs=["Result"], configuration={"Task": "x"})]),
        ("Approval", [action("Hold", "Deploy", "S3", ["Result"], owner="AWS", configuration={
            "BucketName": "x", "Extract": "false", "ObjectKey": "x"})])])
    penstock = make_penstock([], workers=[worker("Source", "Command", [PYTHON, program], timeout="3s", concurrency=8)]).start()
    # 50 executions of a pipeline run at a time at most.
    executions, stopped, kills = [], set(), 0
    deadline = time.monotonic() + 20 * PATIENCE
    next_kill = time.monotonic() + 2

    def running():
        return [e["pipelineExecutionId"] for e in sandbox.executions("commands") if e["status"] == "InProgress"]

    while True:
        assert time.monotonic() < deadline, "it does not come to an end"
        open_ones = running()
        for _ in range(min(40 - len(open_ones), JOBS - len(executions))):
            executions.append(sandbox.codepipeline.start_pipeline_execution(name="commands")["pipelineExecutionId"])
        if len(executions) == JOBS and not running():
            break
        if open_ones and chance.random() < 0.15:
            victim = chance.choice(open_ones)
            try:
                sandbox.codepipeline.stop_pipeline_execution(pipelineName="commands", pipelineExecutionId=victim, abandon=True)
                stopped.add(victim)
            except sandbox.codepipeline.exceptions.ClientError:
                pass  # it has just ended
        if time.monotonic() >= next_kill and open_ones:
            penstock.crash(chance)
            kills += 1
            next_kill = time.monotonic() + chance.uniform(2, 6)
        time.sleep(0.2)

    eventually("all jobs of the history to end", lambda: all(
        j["state"] in ("succeeded", "failed", "lost") for j in penstock.all("jobs")), PATIENCE, 0.5)
    work = penstock.directory / "data/work"
    eventually("no folder to be left", lambda: [p.name for p in work.iterdir()] == [".lock"], PATIENCE)
    eventually("no process to be left", lambda: not processes_of(work), PATIENCE)
    ends = collections.Counter(e["status"] for e in sandbox.executions("commands"))
    print(f"{kills} kills, {len(stopped)} stopped, {dict(ends)}")
    assert sum(ends.values()) == JOBS and ends["Succeeded"] > 0 and ends["Failed"] > 0

    # Each job has one result, and a second one was never taken.
    jobs = sandbox.state()["jobs"]
    assert len(jobs) >= JOBS - len(stopped)
    for job in jobs:
        events = [entry["event"] for entry in job["history"]]
        results = sum(event in ("succeeded", "failed", "timedOut", "abandoned") for event in events)
        assert results <= 1 and "timedOut" not in events, job
