"""AWS at its worst: throttling, server errors and dropped connections. All pushes still end in artifacts."""

from support import payloads
from support.penstock import PATIENCE, webhook
from support.processes import eventually

PUSHES = 24


def push_all(sandbox, penstock, repository, pipelines, pushes=PUSHES):
    commits = [repository.commit({"number": str(n).encode()}) for n in range(pushes)]
    accepted = [penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
                for commit in commits]
    assert {a["outcome"] for a in accepted} == {"triggered"}

    def ended():
        found = [t for d in penstock.all("deliveries") for t in d["triggers"]]
        assert not [t for t in found if t["state"] == "failed"], found
        if not all(t["state"] == "started" for t in found) or len(found) != pushes * len(pipelines):
            return None
        executions = [e for p in pipelines for e in sandbox.executions(p)]
        return executions if all(e["status"] != "InProgress" for e in executions) else None

    sandbox.calm_after = None
    executions = eventually("all executions to end", ended, PATIENCE * 3, 0.5)
    assert len(executions) == pushes * len(pipelines)
    bad = [e for e in executions if e["status"] != "Succeeded"]
    assert not bad, bad[:3]
    for pipeline in pipelines:
        assert {e["sourceRevisions"][0]["revisionId"] for e in sandbox.executions(pipeline)} == set(commits)


def test_throttling_errors_and_dropped_connections(sandbox, make_penstock, repository):
    pipelines = ["faulty-a", "faulty-b"]
    for pipeline in pipelines:
        sandbox.create_pipeline(pipeline, "main", repository.name, mode="PARALLEL")
    penstock = make_penstock([webhook(name, name) for name in pipelines]).start()
    with sandbox.faults(throttle=0.3, serverError=0.1, drop=0.05):
        push_all(sandbox, penstock, repository, pipelines)
