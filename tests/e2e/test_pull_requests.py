"""A pull request from its opening to its end: what each event starts, and what is said of those that start nothing."""

import pytest

from support import archives, payloads
from support.penstock import webhook
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
    assert "no filter asks for those" in reasons["every-event"]
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
