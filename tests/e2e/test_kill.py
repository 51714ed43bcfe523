"""kill -9 at random points under load: what was answered 2xx is kept, started once, and every job is reported.

PENSTOCK_E2E_KILLS sets how often (50), PENSTOCK_E2E_SEED which points.
"""

import os
import random
import threading
import time


from support import payloads
from support.penstock import PATIENCE, webhook
from support.processes import eventually
from support.repositories import run_git

KILLS = int(os.environ.get("PENSTOCK_E2E_KILLS", "50"))
SEED = int(os.environ.get("PENSTOCK_E2E_SEED", str(time.time_ns() % 1_000_000)))
PUSHES_PER_SECOND = 8
PIPELINES = {"killed-a": "a", "killed-b": "b"}


def make_commits(repository, branch, count):
    """Many commits with a file each, in one go."""
    stream = bytearray()
    for number in range(count):
        content = f"{branch} {number}\n".encode() * 50
        stream += f"commit refs/heads/{branch}\ncommitter B <b@northwind.example> {1_750_000_000 + number} +0000\n".encode()
        stream += b"data 1\nx\nM 644 inline file\ndata %d\n%s\n" % (len(content), content)
    run_git("fast-import", "--quiet", cwd=repository.path, data=bytes(stream))
    return run_git("rev-list", "--reverse", f"refs/heads/{branch}", cwd=repository.path).decode().split()


class Loader(threading.Thread):
    """Posts pushes of both branches, each again and again until it is answered 2xx, as Azure DevOps would."""

    def __init__(self, penstock, repository, commits):
        super().__init__(daemon=True)
        self.penstock, self.repository, self.commits = penstock, repository, commits
        self.accepted = []  # (delivery id, outcome, (commit of a, commit of b))
        self.unanswered = 0
        self.problems = []
        self.stop = threading.Event()

    def run(self):
        try:
            for pair in self.commits:
                if self.stop.is_set():
                    return
                push = payloads.push([payloads.ref_update(branch, commit) for branch, commit in zip("ab", pair)],
                                     self.repository.name)
                began = time.monotonic()
                while not self.post(push, pair):
                    time.sleep(0.02)
                time.sleep(max(0, 1 / PUSHES_PER_SECOND - (time.monotonic() - began)))
        except Exception as error:  # shown by the test
            self.problems.append(repr(error))

    def post(self, push, pair):
        try:
            answer = self.penstock.post_hook(push, timeout=10)
        except OSError:
            self.unanswered += 1
            return False
        except Exception as error:
            if "RemoteDisconnected" in repr(error) or "IncompleteRead" in repr(error) or "BadStatusLine" in repr(error):
                self.unanswered += 1
                return False
            raise
        if answer.status == 503:
            return False
        if answer.status != 200:
            self.problems.append(f"{answer.status}: {answer.text}")
            return True
        body = answer.json()
        self.accepted.append((body["deliveryId"], body["outcome"], pair))
        return True


def test_killed_at_random_points(sandbox, make_penstock, repository):
    chance = random.Random(SEED)
    print(f"PENSTOCK_E2E_SEED={SEED}, {KILLS} kills")
    count = KILLS * PUSHES_PER_SECOND * 3
    commits = list(zip(make_commits(repository, "a", count), make_commits(repository, "b", count)))
    # Jobs that were offered to a server that died come back soon instead of after half a minute.
    sandbox.configure(reofferSeconds=1.5)
    for pipeline, branch in PIPELINES.items():
        sandbox.create_pipeline(pipeline, branch, repository.name, mode="PARALLEL")
    penstock = make_penstock([webhook(name, name) for name in PIPELINES]).start()
    loader = Loader(penstock, repository, commits)
    loader.start()
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.02, 1.2))
            penstock.crash(chance)
    finally:
        loader.stop.set()
        loader.join(30)
    assert not loader.problems, loader.problems[:5]
    assert not loader.is_alive()
    print(f"{len(loader.accepted)} pushes accepted, {loader.unanswered} posts unanswered")
    assert len(loader.accepted) >= KILLS

    # Every acknowledged delivery is in the history.
    history = {d["id"]: d for d in penstock.all("deliveries")}
    for identifier, outcome, _ in loader.accepted:
        assert identifier in history, f"delivery {identifier} was answered 200 and is lost"
        assert history[identifier]["outcome"] == outcome

    # Each (push, pipeline) has exactly one trigger, and each ends up started.
    wanted = {(commit, pipeline) for _, _, pair in loader.accepted for commit, pipeline in zip(pair, PIPELINES)}

    def triggers():
        found = [t for d in penstock.all("deliveries") for t in d["triggers"]]
        return found if all(t["state"] not in ("pending", "deferred") for t in found) else None
    found = eventually("all triggers to be started", triggers, PATIENCE * 3, 1.0)
    # Right after a start {Branch} is not known yet: every webhook has a trigger then, and those that the pipelines'
    # configuration rules out are skipped.
    skipped = [t for t in found if t["state"] == "skipped"]
    assert not {(t["commitId"], t["pipeline"]) for t in skipped} & wanted, "a push that was wanted has been skipped"
    found = [t for t in found if t["state"] != "skipped"]
    assert {t["state"] for t in found} == {"started"}, [t for t in found if t["state"] != "started"][:3]
    keys = [(t["commitId"], t["pipeline"]) for t in found]
    assert len(keys) == len(set(keys)), "a push has two triggers for one pipeline"
    assert wanted <= set(keys), "a push has no trigger"

    # The sandbox has exactly those executions, and each ended: every acknowledged job was reported.
    def ended():
        running = [e for p in PIPELINES for e in sandbox.executions(p) if e["status"] == "InProgress"]
        return not running
    eventually("all executions to end", ended, PATIENCE * 3, 1.0)
    for pipeline in PIPELINES:
        executions = sandbox.executions(pipeline)
        expected = {t["pipelineExecutionId"]: t["commitId"] for t in found if t["pipeline"] == pipeline}
        assert {e["pipelineExecutionId"] for e in executions} == set(expected)
        bad = [e for e in executions if e["status"] != "Succeeded"]
        assert not bad, [(e, sandbox.action(pipeline, e["pipelineExecutionId"])) for e in bad[:3]]
        for execution in executions:
            revision, = execution["sourceRevisions"]
            assert revision["revisionId"] == expected[execution["pipelineExecutionId"]]

    # The history agrees.
    def jobs_ended():
        return all(j["state"] in ("succeeded", "failed", "lost") for j in penstock.all("jobs"))
    eventually("all jobs of the history to end", jobs_ended, PATIENCE)
    print(f"{len(found)} executions, {len(penstock.all('jobs'))} jobs")
