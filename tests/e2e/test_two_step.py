"""Commands whose first job is answered at once: the console has its link while they run."""

import os
import signal
from pathlib import Path

import pytest

from support.commands import PYTHON, action, create_pipeline, create_type, script, start, worker
from support.processes import eventually
from support.penstock import PATIENCE

RUNNER = """\
    import json, os, sys, time
    event = json.load(sys.stdin)
    job = event["CodePipeline.job"]
    data = job["data"]
    scripts = os.environ["SCRIPTS"]
    exec(open(os.path.join(scripts, "work.py")).read())
"""
# Says what it does, and waits for the test.
WORK = """
    open(os.path.join(scripts, "runs"), "a").write(job["id"] + "\\n")
    print(json.dumps({"percentComplete": 30, "summary": "building"}), flush=True)
    print("by", os.getpid(), flush=True)
    assert os.listdir("outputs/Result") == []
    open("outputs/Result/half", "w").write("half")
    while not os.path.exists(os.path.join(scripts, "go")):
        time.sleep(0.05)
    open("outputs/Result/made", "w").write(open("inputs/Code/x").read())
    print(json.dumps({"result": "Success", "outputVariables": {"Made": "it"}, "status": {"Summary": "built"}}))
"""


@pytest.fixture(scope="module")
def types(sandbox):
    create_type(sandbox, "Source", "Script", inputs=(0, 0), outputs=(1, 1))
    create_type(sandbox, "Build", "Long",
                settings={"executionUrlTemplate": "https://penstock.example.com/jobs/{ExternalExecutionId}"})


class Scene:
    def __init__(self, sandbox, penstock, name, scripts):
        self.sandbox, self.penstock, self.name, self.scripts = sandbox, penstock, name, scripts
        self.execution = start(sandbox, name)

    def build(self):
        return self.sandbox.action(self.name, self.execution, "Build")

    def result(self):
        return self.build()["output"]["executionResult"]

    def jobs(self):
        """Oldest first."""
        found = [j for j in self.penstock.all("jobs")
                 if j["pipelineExecutionId"] == self.execution and j["stage"] == "Build"]
        return sorted(found, key=lambda job: job["id"])

    def ended(self):
        def look():
            found = self.build()
            return found if found and found["status"] != "InProgress" else None
        return eventually("Build to end", look, PATIENCE)

    def runs(self):
        path = self.scripts / "runs"
        return path.read_text().split() if path.exists() else []

    def answered(self):
        """The first job, once CodePipeline has its answer and the command runs."""
        def look():
            jobs = self.jobs()
            return self.runs() and jobs and jobs[0]["state"] == "succeeded" and jobs[0]
        return eventually("the first job to be answered", look, PATIENCE)

    def nothing_left(self):
        work = self.penstock.directory / "data/work"
        eventually("no folder to be left", lambda: [p.name for p in work.iterdir()] == [".lock"], PATIENCE)
        assert not processes_of(work)

    def reported_once(self):
        for job in self.sandbox.state()["jobs"]:
            if job["executionId"] != self.execution:
                continue
            events = [entry["event"] for entry in job["history"]]
            results = [e for e in events if e in ("succeeded", "failed", "continued", "timedOut", "abandoned")]
            assert len(results) <= 1 and "refusedResult" not in events, events


def processes_of(folder):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if str(folder).encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


@pytest.fixture
def scene(sandbox, types, make_penstock, tmp_path, request):
    def make(work=WORK, delay=0.3, timeout="2m", extra=(), **command):
        sandbox.configure(continuationDelaySeconds=delay, reofferSeconds=1)
        scripts = tmp_path / "scripts"
        scripts.mkdir()
        script(scripts / "work.py", work)
        runner = script(scripts / "runner.py", RUNNER)
        source = script(scripts / "source.py", "open('outputs/Code/x', 'w').write('content')\n")
        penstock = make_penstock([], **dict(extra), workers=[
            worker("Source", "Script", [PYTHON, source]),
            worker("Build", "Long", [PYTHON, runner], timeout, environment=[f"SCRIPTS={scripts}"], detailsFirst=True,
                   **command)]).start()
        name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:80]
        create_pipeline(sandbox, name, [
            ("Source", [action("Source", "Source", "Script", outputs=["Code"], configuration={"Task": "x"})]),
            ("Build", [action("Build", "Build", "Long", ["Code"], ["Result"], {"Task": "x"}, namespace="B")])])
        return Scene(sandbox, penstock, name, scripts)

    return make


def test_the_console_links_to_the_job_while_it_works(scene):
    here = scene(continueAfter="1s")
    first = here.answered()
    build = here.build()
    assert build["status"] == "InProgress"
    assert here.result()["externalExecutionUrl"] == f"https://penstock.example.com/jobs/{first['id']}"
    assert first["work"] == "running" and first["continuationOf"] is None
    eventually("the log of the running work", lambda: "30 % building" in here.penstock.job_log(first["id"]), PATIENCE)
    # Continued again and again: the console moves, the command runs once.
    eventually("several continued jobs", lambda: len(here.jobs()) >= 4, PATIENCE)
    assert here.result()["externalExecutionSummary"] == "building"
    (here.scripts / "go").touch()
    build = here.ended()
    assert build["status"] == "Succeeded", (build, here.penstock.log()[-3000:])
    assert build["output"]["outputVariables"] == {"Made": "it"}
    assert here.result()["externalExecutionSummary"] == "built"
    assert here.result()["externalExecutionId"] == first["id"]
    jobs = eventually("all jobs to end", lambda: (j := here.jobs()) and j[-1]["finishedAt"] and j, PATIENCE)
    assert [j["continuationOf"] for j in jobs] == [None] + [first["id"]] * (len(jobs) - 1)
    assert jobs[0]["work"] == "succeeded" and set(jobs[0]["phases"]) >= {"fetch", "run", "zip", "upload"}
    assert len(here.runs()) == 1
    here.reported_once()
    here.nothing_left()


@pytest.mark.parametrize("interrupted", ["repeat", "fail"])
def test_killed_between_the_first_answer_and_the_continued_job(scene, interrupted):
    here = scene(delay=4, whenInterrupted=interrupted)
    first = here.answered()
    before = processes_of(here.penstock.directory / "data/work")
    assert before
    here.penstock.process.kill()
    here.penstock.start()
    work = here.penstock.read(f"/api/v1/jobs/{first['id']}")["work"]
    assert work in ("interrupted", "running", "failed"), work
    if interrupted == "repeat":
        eventually("the command to run again", lambda: len(here.runs()) == 2, PATIENCE)
        (here.scripts / "go").touch()
        assert here.ended()["status"] == "Succeeded", here.penstock.log()[-3000:]
        assert "it is run again from the beginning" in here.penstock.job_log(first["id"])
    else:
        error = here.ended()["output"]["executionResult"]["errorDetails"]
        assert error["code"] == "SystemUnavailable" and "it is not repeated" in error["message"], error
        assert len(here.runs()) == 1
    assert not set(before) & set(processes_of(here.penstock.directory / "data/work"))
    here.reported_once()
    here.nothing_left()


def test_killed_while_a_continued_job_waits_and_after_the_work_has_ended(scene):
    here = scene(delay=0.3)
    here.answered()
    eventually("a continued job", lambda: len(here.jobs()) == 2 and here.jobs()[1]["state"] == "running", PATIENCE)
    here.penstock.process.kill()
    here.penstock.start()
    eventually("the command to run again", lambda: len(here.runs()) == 2, PATIENCE)
    here.sandbox.configure(continuationDelaySeconds=4)
    (here.scripts / "go").touch()
    assert here.ended()["status"] == "Succeeded", here.penstock.log()[-3000:]
    # Now one whose result is there before its continued job is.
    (here.scripts / "runs").unlink()
    here.execution = start(here.sandbox, here.name)
    first = here.answered()
    eventually("the work to end", lambda: here.penstock.read(f"/api/v1/jobs/{first['id']}")["work"] == "succeeded", PATIENCE)
    here.penstock.process.kill()
    here.penstock.start()
    assert here.ended()["status"] == "Succeeded", here.penstock.log()[-3000:]
    assert here.ended()["output"]["outputVariables"] == {"Made": "it"}
    assert len(here.runs()) == 1
    here.reported_once()
    here.nothing_left()


def test_timeout_is_of_the_whole_command(scene):
    here = scene(timeout="4s", continueAfter="1s")
    error = here.ended()["output"]["executionResult"]["errorDetails"]
    assert "the job took longer than 4s" in error["message"], error
    assert len(here.jobs()) >= 3
    here.reported_once()
    here.nothing_left()


def test_sigterm_waits_for_the_continued_job(scene):
    here = scene(delay=2, extra={"server": {"drainTimeout": "30s"}})
    here.answered()
    (here.scripts / "go").touch()
    here.penstock.process.signal(signal.SIGTERM)
    assert here.ended()["status"] == "Succeeded", here.penstock.log()[-3000:]
    eventually("the server to stop", lambda: not here.penstock.process.running, PATIENCE)
    assert "stopped with jobs unfinished" not in here.penstock.log()
    here.penstock.start()
    here.reported_once()
    here.nothing_left()


def test_a_stopped_execution_ends_the_command(scene):
    # Noticed when the continued job's report is refused, or by the look that comes every 30 seconds.
    here = scene(continueAfter="1s")
    here.answered()
    here.sandbox.codepipeline.stop_pipeline_execution(
        pipelineName=here.name, pipelineExecutionId=here.execution, abandon=True, reason="by a person")
    eventually("the work to end", lambda: here.jobs()[0]["work"] == "ended", 90)
    here.nothing_left()


@pytest.fixture
def control_group(tmp_path):
    """A folder of the machine's cgroup v2, where it lets us make one."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            folder = Path(line.split()[4]) / f"penstock-e2e-{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            yield folder
            folder.rmdir()
            return
    pytest.skip("this user may make no control group here")


def test_a_command_has_a_control_group_that_goes_with_the_server(scene, control_group):
    here = scene(delay=3600, extra={"controlGroup": str(control_group)})
    first = here.answered()
    assert "commands run in control groups" in here.penstock.log()
    group = control_group / f"command-{first['id']}"
    here_work = here.penstock.directory / "data/work"
    pids = set(map(int, (group / "cgroup.procs").read_text().split()))
    assert pids and pids <= set(processes_of(here_work))
    here.penstock.process.kill()
    eventually("no group to be left", lambda: not group.exists(), PATIENCE)
    assert not processes_of(here_work)
    here.penstock.start()
