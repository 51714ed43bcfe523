"""AWS at its worst: throttling, server errors, dropped connections, expiring credentials. All pushes still end in artifacts."""

from support import payloads
from support.penstock import PATIENCE, webhook
from support.processes import eventually


def push_all(penstock, repository, pushes):
    commits = [repository.commit({"number": str(n).encode()}) for n in range(pushes)]
    answers = [penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
               for commit in commits]
    assert {a["outcome"] for a in answers} == {"triggered"}
    return commits


def expect_artifacts(sandbox, penstock, pipelines, commits):
    """Waits until the history says that all is done (the sandbox may be misbehaving); then asks the sandbox."""
    count = len(pipelines) * len(commits)

    def jobs():
        triggers = [t for d in penstock.all("deliveries") for t in d["triggers"]]
        assert not [t for t in triggers if t["state"] == "failed"], triggers
        done = [j for j in penstock.all("jobs") if j["state"] in ("succeeded", "failed")]
        return done if len(done) >= count and len(triggers) == count else None

    found = eventually(f"{count} jobs to be done", jobs, PATIENCE * 4, 0.5)
    failed = [j for j in found if j["state"] != "succeeded"]
    assert not failed, [j["failure"] for j in failed[:3]]
    assert len(found) == count
    yield
    eventually("all executions to end", lambda: all(
        e["status"] != "InProgress" for p in pipelines for e in sandbox.executions(p)), PATIENCE)
    for pipeline in pipelines:
        executions = sandbox.executions(pipeline)
        assert {e["status"] for e in executions} == {"Succeeded"}, executions[:3]
        assert sorted(e["sourceRevisions"][0]["revisionId"] for e in executions) == sorted(commits)


def test_throttling_errors_and_dropped_connections(sandbox, make_penstock, repository):
    pipelines = ["faulty-a", "faulty-b"]
    for pipeline in pipelines:
        sandbox.create_pipeline(pipeline, "main", repository.name, mode="PARALLEL")
    penstock = make_penstock([webhook(name, name) for name in pipelines]).start()
    before = sandbox.state()["faults"]
    with sandbox.faults(throttle=0.3, serverError=0.1, drop=0.05, dropAfter=0.03, cutShort=0.02):
        commits = push_all(penstock, repository, 20)
        check = expect_artifacts(sandbox, penstock, pipelines, commits)
        next(check)
    next(check, None)
    after = sandbox.state()["faults"]
    suffered = {kind: after[kind] - before[kind] for kind in ("throttle", "serverError", "drop", "dropAfter", "cutShort")}
    assert all(suffered.values()), suffered


def test_uploads_in_parts_survive_faults(sandbox, make_penstock, repository):
    import hashlib
    sandbox.create_pipeline("faulty-large", "main", repository.name)
    penstock = make_penstock([webhook("faulty-large", "faulty-large")]).start()
    commit = repository.commit({"large": hashlib.shake_256(b"faults").digest(40_000_000)})
    with sandbox.faults(throttle=0.2, serverError=0.2, drop=0.1, completeError=0.2, operations=[
            "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]):
        penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
        check = expect_artifacts(sandbox, penstock, ["faulty-large"], [commit])
        next(check)
    next(check, None)


def test_credentials_that_expire_before_the_upload(sandbox, make_penstock, repository):
    """They came with the poll; new ones are asked for with GetJobDetails."""
    sandbox.create_pipeline("expiring", "main", repository.name)
    penstock = make_penstock([webhook("expiring", "expiring")]).start()
    with sandbox.faults(operations=["AcknowledgeJob"], delayMilliseconds=2000):
        commits = push_all(penstock, repository, 1)
        eventually("the job to be claimed", lambda: penstock.all("jobs"), interval=0.02)
        sandbox.admin("faults", {"expireCredentials": True})
        check = expect_artifacts(sandbox, penstock, ["expiring"], commits)
        next(check)
    next(check, None)
    outcomes = sandbox.state()["outcomes"]
    assert outcomes.get("GetJobDetails"), outcomes
    assert "ExpiredToken" in outcomes["PutObject"], outcomes
