"""Two servers on two machines poll for the same jobs: CodePipeline's nonces share them out."""

import collections
import json

import pytest

from support.commands import PYTHON, action, create_pipeline, create_type, script, start, worker
from support.machines import NoSecondMachine, SecondMachine
from support.penstock import PATIENCE
from support.processes import eventually, free_port
from support.sandbox import BUCKET, Sandbox

PIPELINES, EXECUTIONS = 2, 30


@pytest.fixture(scope="module")
def second_machine():
    try:
        machine = SecondMachine()
    except NoSecondMachine as reason:
        pytest.skip(f"needs the right to make network namespaces (root, CAP_NET_ADMIN and CAP_SYS_ADMIN): {reason}")
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, second_machine):
    """On an address that both machines reach."""
    server = Sandbox(tmp_path_factory.mktemp("sandbox"), second_machine.here)
    server.create_bucket()
    create_type(server, "Source", "Script", inputs=(0, 0), outputs=(1, 1))
    yield server
    assert server.process.running, server.process.log()[-4000:]
    server.close()


# A job that runs twice, wherever, finds the mark of the first time.
JOB = """
    import json, os, sys
    job = json.load(sys.stdin)["CodePipeline.job"]["id"]
    open(os.path.join(os.environ["MARKS"], job), "x").close()
    open("outputs/Code/where.txt", "w").write(" ".join(os.listdir("/sys/class/net")))
"""


def test_each_job_is_done_once(sandbox, second_machine, make_penstock, tmp_path, capsys):
    marks = tmp_path / "marks"
    marks.mkdir()
    runner = script(tmp_path / "job.py", JOB)
    one = worker("Source", "Script", [PYTHON, runner], concurrency=3, environment=["PATH", f"MARKS={marks}"])
    one["pollInterval"] = {"idle": "200ms", "busy": "100ms"}
    names = [f"shared-{i}" for i in range(PIPELINES)]
    for name in names:
        create_pipeline(sandbox, name, [
            ("Source", [action("Source", "Source", "Script", outputs=["Code"], configuration={"Task": "x"})]),
            ("Deploy", [action("Deploy", "Deploy", "S3", ["Code"], owner="AWS", configuration={
                "BucketName": BUCKET, "Extract": "false", "ObjectKey": f"{name}.zip"})])])
    here = make_penstock([], workers=[one])
    there = make_penstock([], workers=[one], server={"tls": None, "listen": f"{second_machine.there}:{free_port()}"})
    there.launcher = second_machine.launcher
    servers = {"here": here, "there": there}
    for server in servers.values():
        server.start()

    # Acknowledgements take their time, and what nobody has acknowledged is offered to whoever asks next.
    sandbox.configure(reofferSeconds=0.1)
    with sandbox.faults(delayMilliseconds=250, operations=["AcknowledgeJob"]):
        for _ in range(EXECUTIONS):
            for name in names:
                start(sandbox, name)
        eventually("refused nonces", lambda: sandbox.state()["outcomes"].get("AcknowledgeJob", {}).get(
            "InvalidNonceException", 0) >= 10, PATIENCE)
    sandbox.configure(reofferSeconds=1)

    def all_done():
        jobs = sandbox.state()["jobs"]
        return jobs if all(job["status"] not in ("Queued", "Dispatched", "InProgress") for job in jobs) else None
    jobs = eventually("all jobs to be done", all_done, 2 * PATIENCE, 0.2)
    assert len(jobs) == PIPELINES * EXECUTIONS
    refused = 0
    for job in jobs:
        events = collections.Counter(entry["event"] for entry in job["history"])
        assert job["status"] == "Succeeded", job
        assert events["acknowledged"] == events["succeeded"] == 1 and events["refusedResult"] == 0, job
        refused += events["refusedAcknowledge"]
    assert refused == sandbox.state()["outcomes"]["AcknowledgeJob"]["InvalidNonceException"] >= 10
    assert {path.name for path in marks.iterdir()} == {job["id"] for job in jobs}

    done, lost = {}, {}
    for where, server in servers.items():
        eventually(f"the journal of {where} to be quiet", lambda s=server: all(
            job["state"] in ("succeeded", "failed", "lost") for job in s.all("jobs")), PATIENCE)
        rows = server.all("jobs")
        done[where] = {row["jobId"] for row in rows if row["state"] == "succeeded"}
        lost[where] = [row for row in rows if row["state"] == "lost"]
        assert not [row for row in rows if row["state"] == "failed"]
        for row in lost[where]:
            assert row["failure"]["message"] == "claimed by another worker", row
        # Somebody was quicker: nothing that a person must know of.
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        assert not [line for line in lines if line["level"] in ("warning", "error") and "job" in line], where
    assert not done["here"] & done["there"]
    assert done["here"] | done["there"] == {job["id"] for job in jobs}
    assert done["here"] and done["there"], "one of them did nothing"
    with capsys.disabled():
        print(f"\n{len(jobs)} jobs: {len(done['here'])} done here, {len(done['there'])} on the second machine; {refused} "
              f"nonces refused (InvalidNonceException), {len(lost['here'])} and {len(lost['there'])} jobs left to the other")
