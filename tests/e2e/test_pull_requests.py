"""A pull request from its opening to its end: what each event starts, and what is said of those that start nothing."""

import json

import pytest

from support import archives, payloads
from support.penstock import run, webhook
from support.processes import eventually
from support.repositories import run_git

REVIEW = [{"jsonPath": "$.eventType", "matchGlob": "git.pullrequest.*"},
          {"jsonPath": "$.resource.targetRefName", "matchEquals": "refs/heads/main"}]


class PullRequest:
    """Commits of a source branch and its target, and the events about them."""

    def __init__(self, repository):
        self.repository = repository
        self.base = repository.commit({"crane": b"10 m"})
        self.source = repository.commit({"crane": b"20 m"}, "feature/crane", parent=self.base)
        self.merge = None

    def push(self, content):
        self.source = self.repository.commit({"crane": content}, "feature/crane")

    def complete(self):
        """A merge commit on the target; the source branch is deleted, as people do."""
        tree = run_git("rev-parse", f"{self.source}^{{tree}}", cwd=self.repository.path).decode().strip()
        author = ["-c", "user.name=Ada Lindqvist", "-c", "user.email=ada@northwind.example"]
        self.merge = run_git(*author, "commit-tree", tree, "-p", self.base, "-p", self.source, "-m", "Merged PR 7",
                             cwd=self.repository.path).decode().strip()
        run_git("update-ref", "refs/heads/main", self.merge, cwd=self.repository.path)
        run_git("update-ref", "-d", "refs/heads/feature/crane", cwd=self.repository.path)

    def event(self, event, **members):
        return payloads.pull_request(event, self.repository.name, self.source, self.base, self.merge, **members)


@pytest.fixture
def pull_request(repository):
    return PullRequest(repository)


def artifact_of(sandbox, trigger):
    action = sandbox.finished_action(trigger["pipeline"], trigger["pipelineExecutionId"])
    assert action["status"] == "Succeeded", action
    assert action["output"]["outputVariables"]["CommitId"] == trigger["commitId"]
    return {path: content for path, (_, _, content) in archives.of_zip(sandbox.artifact(action)).items()}


def test_from_opened_to_completed(sandbox, make_penstock, repository, pull_request):
    sandbox.create_pipeline("review", "main", repository.name)
    penstock = make_penstock([webhook("review", "review", filters=REVIEW)]).start()

    opened = penstock.accept(pull_request.event("created", merge_status="queued"))
    assert (opened["outcome"], opened["matched"]) == ("triggered", ["review"])
    trigger, = penstock.started(opened["deliveryId"])
    assert (trigger["ref"], trigger["commitId"]) == ("refs/heads/feature/crane", pull_request.source)
    assert artifact_of(sandbox, trigger) == {"crane": b"20 m"}
    assert penstock.delivery(opened["deliveryId"])["pullRequest"] == {
        "id": 7, "sourceRef": "refs/heads/feature/crane", "targetRef": "refs/heads/main",
        "sourceCommitId": pull_request.source, "targetCommitId": pull_request.base, "mergeCommitId": None,
        "status": "active", "mergeStatus": "queued", "isDraft": False, "forkRepository": None,
        "event": "OPEN", "reason": None}

    voted = penstock.accept(pull_request.event("updated"))
    assert voted["outcome"] == "duplicate", voted
    assert "the same revision of the pull request" in voted["reason"] and opened["deliveryId"] in voted["reason"]
    assert penstock.delivery(voted["deliveryId"])["triggers"] == []

    pull_request.push(b"30 m")
    attempted = penstock.accept(pull_request.event("merged", merge_status="conflicts"))
    assert (attempted["outcome"], attempted["matched"]) == ("filtered", [])
    decision, = penstock.delivery(attempted["deliveryId"])["decisions"]
    assert decision["reason"] == ('merging pull request 7 was only attempted (merge status "conflicts"): its status is '
                                  '"active", not "completed"')

    updated = penstock.accept(pull_request.event("updated"))
    trigger, = penstock.started(updated["deliveryId"])
    assert trigger["commitId"] == pull_request.source
    assert artifact_of(sandbox, trigger) == {"crane": b"30 m"}

    pull_request.complete()
    # The end is told twice: the merge was attempted, and the pull request is completed.
    completed = penstock.accept(pull_request.event("merged", status="completed"))
    again = penstock.accept(pull_request.event("updated", status="completed"))
    assert (completed["outcome"], again["outcome"]) == ("triggered", "duplicate")
    trigger, = penstock.started(completed["deliveryId"])
    assert (trigger["ref"], trigger["commitId"]) == ("refs/heads/main", pull_request.merge)
    assert artifact_of(sandbox, trigger) == {"crane": b"30 m"}
    assert len(sandbox.executions("review")) == 3

    for ref in ("refs/heads/main", "refs/heads/feature/crane"):
        assert len(penstock.all("deliveries", ref=ref)) == 6
    assert len(penstock.all("deliveries", repository=repository.name, eventType="git.pullrequest.merged")) == 2


def test_forks_start_nothing_and_webhooks_for_pushes_neither(sandbox, make_penstock, repository, pull_request):
    sandbox.create_pipeline("careful", "main", repository.name)
    by_repository = [{"jsonPath": "$.resource.repository.name", "matchEquals": repository.name}]
    penstock = make_penstock([webhook("every-event", "careful", filters=by_repository),
                              webhook("review", "careful", filters=REVIEW)]).start()
    answer = penstock.accept(pull_request.event("created", fork="shop-of-a-stranger"))
    assert (answer["outcome"], answer["matched"]) == ("filtered", [])
    delivery = penstock.delivery(answer["deliveryId"])
    assert delivery["pullRequest"]["forkRepository"] == "Harbour Works/shop-of-a-stranger"
    assert all("commits of forks are not built" in d["reason"] for d in delivery["decisions"])

    answer = penstock.accept(pull_request.event("created"))
    assert answer["matched"] == ["review"]
    reasons = {d["webhook"]: d["reason"] for d in penstock.delivery(answer["deliveryId"])["decisions"]}
    assert "nor a filter asks for those" in reasons["every-event"]
    penstock.started(answer["deliveryId"])

    minimal = pull_request.event("updated")
    minimal["resource"] = {"pullRequestId": 7, "url": minimal["resource"]["url"]}
    answer = penstock.accept(minimal)
    assert answer["outcome"] == "ignored" and "to All in the service-hook subscription" in answer["reason"]
    assert len(sandbox.executions("careful")) == 1


def test_abandoned_starts_what_asks_for_it(sandbox, make_penstock, repository, pull_request):
    sandbox.create_pipeline("clean-up", "main", repository.name)
    abandoned = [*REVIEW, {"jsonPath": "$.resource.status", "matchEquals": "abandoned"}]
    penstock = make_penstock([webhook("clean-up", "clean-up", filters=abandoned)]).start()
    assert penstock.accept(pull_request.event("updated"))["outcome"] == "filtered"
    answer = penstock.accept(pull_request.event("updated", status="abandoned"))
    trigger, = penstock.started(answer["deliveryId"])
    assert (trigger["ref"], trigger["commitId"]) == ("refs/heads/feature/crane", pull_request.source)
    assert penstock.delivery(answer["deliveryId"])["pullRequest"]["event"] == "CLOSED"
    assert artifact_of(sandbox, trigger) == {"crane": b"20 m"}


def test_triggers_say_which_pull_requests_start(sandbox, make_penstock, repository, pull_request):
    sandbox.create_pipeline("by-triggers", "main", repository.name)
    sandbox.create_pipeline("by-push", "main", repository.name)
    by_repository = [{"jsonPath": "$.resource.repository.name", "matchEquals": repository.name}]
    main = {"includes": ["main"]}
    penstock = make_penstock([
        webhook("review", "by-triggers", filters=by_repository,
                triggers={"pullRequest": {"events": ["OPEN", "CLOSED"], "branches": main}}),
        webhook("pushed", "by-push", filters=by_repository, triggers={"branches": main})]).start()

    def reasons(answer):
        return {d["webhook"]: d["reason"] for d in penstock.delivery(answer["deliveryId"])["decisions"]}

    elsewhere = penstock.accept(pull_request.event("created", target_ref="refs/heads/dev"))
    assert (elsewhere["outcome"], elsewhere["matched"]) == ("filtered", [])
    assert reasons(elsewhere) == {
        "review": 'the pull request goes to "dev", which is not included by triggers.pullRequest.branches.includes',
        "pushed": "the event is about a pull request, and triggers have no pullRequest"}

    opened = penstock.accept(pull_request.event("created"))
    assert opened["matched"] == ["review"]
    pull_request.push(b"30 m")
    updated = penstock.accept(pull_request.event("updated"))
    assert updated["outcome"] == "filtered"
    assert reasons(updated)["review"] == "the pull request is UPDATED, which triggers.pullRequest.events do not name"
    abandoned = penstock.accept(pull_request.event("updated", status="abandoned"))
    assert abandoned["matched"] == ["review"]
    pull_request.complete()  # it was reactivated
    completed = penstock.accept(pull_request.event("updated", status="completed"))
    assert completed["matched"] == ["review"]
    pushed = penstock.accept(payloads.push([payloads.ref_update("main", pull_request.merge)], repository.name))
    assert pushed["matched"] == ["pushed"]
    assert "triggers.pullRequest is for pull requests" in reasons(pushed)["review"]

    commits = [penstock.started(answer["deliveryId"])[0]["commitId"] for answer in (opened, abandoned, completed, pushed)]
    assert commits[1:] == [pull_request.source, pull_request.merge, pull_request.merge]
    assert len(sandbox.executions("by-triggers")) == 3 and len(sandbox.executions("by-push")) == 1


def test_changed_files_of_a_pull_request(sandbox, make_penstock, repository):
    """Those since it left its target: what the target has become meanwhile does not count."""
    sandbox.create_pipeline("by-files", "main", repository.name)
    files = {"src/a": b"1", "docs/b": b"1"}
    base = repository.commit(files)
    source = repository.commit({**files, "docs/b": b"2"}, "feature/crane", parent=base)
    target = repository.commit({**files, "src/a": b"2"})
    penstock = make_penstock([webhook(
        "by-files", "by-files", filters=[],
        triggers=[{"pullRequest": {"filePaths": {"includes": ["src/**"]}}}])]).start()

    def deliver(event, commit, merge=None, **members):
        return penstock.accept(payloads.pull_request(event, repository.name, commit, target, merge, **members))

    def trigger_of(answer):
        def look():
            trigger, = penstock.delivery(answer["deliveryId"])["triggers"]
            return trigger if trigger["state"] != "pending" else None
        return eventually("the changed files to be known", look)

    answer = deliver("created", source)
    assert answer["outcome"] == "triggered", answer
    trigger = trigger_of(answer)
    assert trigger["state"] == "skipped", trigger
    decision, = penstock.delivery(answer["deliveryId"])["decisions"]
    assert decision["reason"] == 'of 1 changed file none counts: 1 not included ("docs/b")'
    assert decision["changedPaths"]["basis"] == "mergeBase" and decision["changedPaths"]["baseCommitId"] == base

    source = repository.commit({**files, "docs/b": b"2", "src/c": b"1"}, "feature/crane")
    trigger = trigger_of(deliver("updated", source))
    assert (trigger["state"], trigger["commitId"]) == ("started", source), trigger
    assert artifact_of(sandbox, trigger) == {**files, "docs/b": b"2", "src/c": b"1"}

    payload = penstock.directory / "payload.json"
    payload.write_bytes(payloads.encode(payloads.pull_request("updated", repository.name, source, target)))
    done = run("explain", "--config", penstock.config_file, payload, env=penstock.environment)
    assert done.returncode == 0, done.stderr
    decision, = json.loads(done.stdout)
    assert decision["matched"] is True and decision["changedPaths"]["decidedBy"]["path"] == "src/c"

    # Squashed: the merge commit does not have the source among its ancestors, and the branch is gone.
    merge = repository.commit({**files, "src/a": b"2", "docs/b": b"2", "src/c": b"1"})
    run_git("update-ref", "-d", "refs/heads/feature/crane", cwd=repository.path)
    answer = deliver("updated", source, merge, status="completed")
    trigger = trigger_of(answer)
    assert (trigger["state"], trigger["commitId"]) == ("started", merge), trigger
    decision, = penstock.delivery(answer["deliveryId"])["decisions"]
    assert decision["changedPaths"]["baseCommitId"] == target
    assert decision["changedPaths"]["decidedBy"]["path"] == "src/c"
