"""One push of two branches starts two pipelines, and each builds what was pushed, not what its branch became."""

from support import archives, payloads
from support.penstock import webhook


def test_each_pipeline_builds_its_own_pushed_commit(sandbox, make_penstock, repository):
    pushed = {branch: repository.commit({"branch": branch.encode(), "state": b"pushed"}, branch)
              for branch in ("main", "release/2.0", "unwatched")}
    for branch in pushed:
        moved = repository.commit({"branch": branch.encode(), "state": b"moved on"}, branch)
        assert moved != pushed[branch]
    sandbox.create_pipeline("two-main", "main", repository.name)
    sandbox.create_pipeline("two-release", "release/2.0", repository.name)
    penstock = make_penstock([webhook("wants-main", "two-main"), webhook("wants-release", "two-release")]).start()

    answer = penstock.accept(payloads.push(
        [payloads.ref_update(branch, commit) for branch, commit in pushed.items()], repository.name))
    assert answer["outcome"] == "triggered"
    # None right after a start, while it is not known yet which branches the pipelines want.
    assert sorted(answer["matched"]) in (["wants-main", "wants-release"], [])

    triggers = penstock.started(answer["deliveryId"], 2)
    assert {(t["pipeline"], t["commitId"]) for t in triggers} == {
        ("two-main", pushed["main"]), ("two-release", pushed["release/2.0"])}
    for trigger, branch in ((t, "main" if t["pipeline"] == "two-main" else "release/2.0") for t in triggers):
        action = sandbox.finished_action(trigger["pipeline"], trigger["pipelineExecutionId"])
        assert action["status"] == "Succeeded", action
        assert action["output"]["outputVariables"]["CommitId"] == pushed[branch]
        assert action["output"]["outputVariables"]["BranchName"] == branch
        assert archives.of_zip(sandbox.artifact(action)) == {
            "branch": (archives.FILE, False, branch.encode()), "state": (archives.FILE, False, b"pushed")}
    for pipeline in ("two-main", "two-release"):
        assert len(sandbox.executions(pipeline)) == 1


def test_manual_start_builds_the_head(sandbox, make_penstock, repository):
    repository.commit({"state": b"old"})
    head = repository.commit({"state": b"head"})
    sandbox.create_pipeline("manual", "main", repository.name)
    make_penstock([webhook("manual", "manual")]).start()
    execution = sandbox.codepipeline.start_pipeline_execution(name="manual")["pipelineExecutionId"]
    action = sandbox.finished_action("manual", execution)
    assert action["status"] == "Succeeded", action
    assert action["output"]["outputVariables"]["CommitId"] == head


def test_commit_that_only_the_branch_leads_to(sandbox, make_penstock, repository):
    """A server that refuses commit ids, as git's own does by default: the branch's history is searched."""
    from support.repositories import run_git

    run_git("config", "uploadpack.allowAnySHA1InWant", "false", cwd=repository.path)
    pushed = repository.commit({"state": b"pushed"})
    for number in range(5):
        repository.commit({"state": b"moved on", "number": str(number).encode()})
    sandbox.create_pipeline("refuses-ids", "main", repository.name)
    penstock = make_penstock([webhook("refuses-ids", "refuses-ids")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", pushed)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action("refuses-ids", trigger["pipelineExecutionId"])
    assert action["status"] == "Succeeded", action
    assert archives.of_zip(sandbox.artifact(action)) == {"state": (archives.FILE, False, b"pushed")}
