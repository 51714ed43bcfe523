"""Pushes that start pipelines by the files that they changed, read from a real git server."""

import json
import os
import random
import time

import pytest
from support import payloads
from support.git_servers import GitHttpServer
from support.penstock import GIT_PASSWORD, PATIENCE, run, webhook
from support.processes import eventually

KILLS = int(os.environ.get("PENSTOCK_E2E_PATH_KILLS", "12"))
SEED = int(os.environ.get("PENSTOCK_E2E_SEED", str(time.time_ns() % 1_000_000)))


class Work:
    """A branch whose every commit is posted as a push; what it is told is the files from then on."""

    def __init__(self, repository, branch="main"):
        self.repository, self.branch = repository, branch
        self.files, self.before = {}, repository.head(branch) or payloads.ZERO_ID

    def commit(self, changes):
        for path, content in changes.items():
            if content is None:
                del self.files[path]
            else:
                self.files[path] = content
        return self.repository.commit(self.files, self.branch)

    def push(self, penstock, changes):
        """Returns the delivery's id."""
        commit = self.commit(changes)
        update = payloads.ref_update(self.branch, commit, self.before)
        self.before = commit
        return penstock.accept(payloads.push([update], self.repository.name))["deliveryId"]


def settled(penstock, identifier):
    """The delivery once none of its triggers is open."""
    def look():
        delivery = penstock.delivery(identifier)
        return delivery if all(t["state"] not in ("pending", "deferred") for t in delivery["triggers"]) else None
    return eventually(f"the triggers of {identifier} to end", look, PATIENCE)


def started(delivery):
    return sorted(t["pipeline"] for t in delivery["triggers"] if t["state"] == "started")


def hook(name, repository, **members):
    configuration = {"Organization": payloads.ORGANIZATION, "Project": payloads.PROJECT, "Repo": repository.name,
                     "Branch": "main"}
    return webhook(name, name, actionConfiguration=configuration, **members)


def routed(name, repository, routes, **members):
    made = hook(name, repository, routes=[{"paths": p, "targetPipeline": t} for p, t in routes], **members)
    del made["targetPipeline"]
    return made


def test_two_configurations_have_a_pipeline_each(sandbox, make_penstock, repository):
    """A readme starts nothing, each configuration its own pipeline, both of them both."""
    for name in ("pipeline-1", "pipeline-2"):
        sandbox.create_pipeline(name, "main", repository.name, mode="PARALLEL")
    penstock = make_penstock([
        hook("pipeline-1", repository, triggers={"branches": {"includes": ["main"]},
                                                 "filePaths": {"includes": ["config_1.json"]}}),
        hook("pipeline-2", repository, triggers={"branches": {"includes": ["main"]},
                                                 "filePaths": {"includes": ["config_2.json"]}})]).start()
    work = Work(repository)
    work.before = work.commit({"readme.md": b"0", "config_1.json": b"{}", "config_2.json": b"{}", "other": b"0"})

    delivery = settled(penstock, work.push(penstock, {"readme.md": b"1"}))
    assert started(delivery) == []
    assert delivery["outcome"] == "filtered", delivery["reason"]
    sentence = 'of 1 changed file none counts: 1 not included ("readme.md")'
    for decision in delivery["decisions"]:
        assert (decision["matched"], decision["reason"]) == (False, sentence), decision
        assert decision["changedPaths"]["basis"] == "oldCommit" and decision["changedPaths"]["changed"] == 1, decision
    assert [(t["state"], t["error"]) for t in delivery["triggers"]] == [("skipped", sentence)] * 2

    cases = [
        ("the first", {"config_1.json": b"1"}, ["pipeline-1"]),
        ("the second", {"config_2.json": b"1"}, ["pipeline-2"]),
        ("both", {"config_1.json": b"2", "config_2.json": b"2"}, ["pipeline-1", "pipeline-2"]),
        ("one of several", {"config_2.json": b"3", "readme.md": b"3"}, ["pipeline-2"]),
        ("upper case", {"CONFIG_1.JSON": b"4"}, []),
        ("in a folder", {"folder/config_1.json": b"5"}, []),
        ("renamed away", {"config_1.json": None, "settings.json": b"2"}, ["pipeline-1"]),
        ("renamed back", {"config_1.json": b"2", "settings.json": None}, ["pipeline-1"]),
        ("deleted", {"config_2.json": None}, ["pipeline-2"]),
    ]
    deliveries = [(name, expected, work.push(penstock, changes)) for name, changes, expected in cases]
    for name, expected, identifier in deliveries:
        delivery = settled(penstock, identifier)
        assert started(delivery) == expected, (name, delivery["decisions"])
        assert delivery["outcome"] == ("triggered" if expected else "filtered"), name
        for trigger in delivery["triggers"]:
            if trigger["state"] == "started":
                assert trigger["commitId"] == delivery["refUpdates"][0]["newObjectId"]
    assert len(sandbox.executions("pipeline-1")) == 4 and len(sandbox.executions("pipeline-2")) == 4
    decided = penstock.delivery(deliveries[0][2])["decisions"][0]
    assert decided["changedPaths"]["decidedBy"] == {"path": "config_1.json", "pattern": "config_1.json",
                                                    "where": "triggers.filePaths.includes[0]"}
    assert decided["reason"].startswith("all filters passed; \"config_1.json\" was changed"), decided["reason"]


def test_branches_and_tags_are_decided_at_once(sandbox, make_penstock, repository):
    sandbox.create_pipeline("released", "main", repository.name, mode="PARALLEL")
    penstock = make_penstock([hook("released", repository, branch="refs/heads/main", triggers=[
        {"branches": {"includes": ["release/**"]}}, {"tags": {"includes": ["v*"]}}])]).start()
    commit = Work(repository).commit({"a": b"1"})
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    assert answer["outcome"] == "filtered"
    decision, = penstock.delivery(answer["deliveryId"])["decisions"]
    assert '"main"' in decision["reason"] and "changedPaths" not in decision, decision


def test_routes_lead_to_pipelines_by_captured_names(sandbox, make_penstock, repository):
    names = ("shop-cart", "shop-search", "docs")
    for name in names:
        sandbox.create_pipeline(name, "main", repository.name, mode="PARALLEL")
    penstock = make_penstock([routed("shop", repository, [
        (["services/{service}/**"], "shop-{service}"), (["docs/**", "*.md"], "docs")],
        ignorePaths=["**/*.txt"])]).start()
    work = Work(repository)
    work.before = work.commit({"services/cart/a": b"0", "services/search/a": b"0", "readme.md": b"0"})
    identifier = work.push(penstock, {"services/cart/a": b"1", "services/search/a": b"1", "services/other.txt": b"1"})
    delivery = settled(penstock, identifier)
    assert started(delivery) == ["shop-cart", "shop-search"]
    whole, = [t for t in delivery["triggers"] if t["pipeline"] is None]
    assert whole["state"] == "skipped" and '"shop-cart", "shop-search"' in whole["error"], whole
    decision, = delivery["decisions"]
    assert decision["targetPipeline"] is None
    assert [p["captures"] for p in decision["changedPaths"]["pipelines"]] == [{"service": "cart"}, {"service": "search"}]
    assert decision["changedPaths"]["ignored"] == 1
    # Found by the pipelines that came out.
    assert [d["id"] for d in penstock.all("deliveries", pipeline="shop-cart")] == [identifier]
    assert penstock.all("deliveries", pipeline="docs") == []
    assert started(settled(penstock, work.push(penstock, {"readme.md": b"1"}))) == ["docs"]
    nothing = settled(penstock, work.push(penstock, {"services/cart/b.txt": b"1"}))
    assert (started(nothing), nothing["outcome"]) == ([], "filtered")
    # The whole delivery again: the same comparison, the next generation.
    again = penstock.redeliver(identifier)
    assert again.status == 202, again.text
    delivery = settled(penstock, again.json()["deliveryId"])
    assert started(delivery) == ["shop-cart", "shop-search"]
    assert {t["generation"] for t in delivery["triggers"]} == {1}


def test_one_comparison_serves_all_webhooks(sandbox, make_penstock, repository, git_http):
    names = [f"many-{n}" for n in range(8)]
    for name in names:
        sandbox.create_pipeline(name, "main", repository.name, mode="PARALLEL")
    # Nobody works the jobs: what is fetched is fetched for the comparison.
    penstock = make_penstock([hook(name, repository, ignorePaths=["docs/**"],
                                   source={"remote": git_http.https_url + "/{Organization}/{Project}/_git/{Repo}",
                                           "credentials": "azure"}) for name in names], workers=None).start()
    work = Work(repository)
    work.before = work.commit({"a": b"0"})
    seen = len(git_http.calls())
    assert started(settled(penstock, work.push(penstock, {"a": b"1"}))) == sorted(names)
    fetches = [c for c in git_http.calls()[seen:] if c.startswith("200 GET ") and "info/refs" in c]
    assert len(fetches) == 2, fetches  # the new commit and the old one


@pytest.fixture
def own_git(tmp_path, git_root, authority):
    """A git server that may be paused."""
    server = GitHttpServer(tmp_path / "own-git", git_root, authority.issue("git"), GIT_PASSWORD)
    yield server
    server.close()


def remote_of(server):
    return server.https_url + "/{Organization}/{Project}/_git/{Repo}"


def waiting_trigger(penstock, identifier):
    def look():
        trigger, = penstock.delivery(identifier)["triggers"]
        return trigger if trigger["attempts"] > 0 else None
    return eventually(f"the trigger of {identifier} to be put off", look, PATIENCE)


def test_a_push_waits_for_a_server_that_is_down_and_says_so(sandbox, make_penstock, repository, own_git):
    sandbox.create_pipeline("patient", "main", repository.name, mode="PARALLEL")
    penstock = make_penstock([hook("patient", repository, ignorePaths=["*.md"])], remote=remote_of(own_git)).start()
    work = Work(repository)
    work.before = work.commit({"a": b"0", "b.md": b"0"})
    own_git.pause()
    identifier = work.push(penstock, {"a": b"1"})
    trigger = waiting_trigger(penstock, identifier)
    assert (trigger["state"], trigger["waitingFor"]) == ("pending", "changedPaths"), trigger
    assert trigger["error"].startswith("waiting for the changed paths: "), trigger
    assert trigger["nextAttemptAt"], trigger
    delivery = penstock.delivery(identifier)
    assert (delivery["outcome"], delivery["reason"]) == ("triggered", "waiting for the changed paths")
    assert delivery["decisions"][0]["waitingFor"] == "changedPaths"
    # A later one that needs a comparison as well keeps its place behind it.
    later = work.push(penstock, {"b.md": b"1"})
    assert sandbox.executions("patient") == []
    own_git.resume()
    delivery = settled(penstock, identifier)
    assert started(delivery) == ["patient"]
    assert "waitingFor" not in delivery["decisions"][0] and delivery["reason"] == "1 webhook matched"
    assert started(settled(penstock, later)) == []


@pytest.mark.parametrize("when_unknown", ["start", "fail"])
def test_after_the_time_out_it_starts_or_fails(sandbox, make_penstock, repository, own_git, when_unknown):
    name = f"unknown-{when_unknown}"
    sandbox.create_pipeline(name, "main", repository.name, mode="PARALLEL")
    own_git.pause()
    penstock = make_penstock([hook(name, repository, ignorePaths=["*.md"]),
                              routed("by-route", repository, [(["{any}/**"], "{any}"), (["*"], name)])],
                             remote=remote_of(own_git),
                             changedPaths={"timeout": "2s", "whenUnknown": when_unknown}).start()
    delivery = settled(penstock, Work(repository).push(penstock, {"b.md": b"1"}))
    by_hook = {(t["webhook"], t["pipeline"]): t for t in delivery["triggers"]}
    for decision in delivery["decisions"]:
        assert decision["changedPaths"]["basis"] == "unknown", decision
        assert decision["matched"] == (when_unknown == "start"), decision
    trigger = by_hook[(name, name)]
    if when_unknown == "start":
        assert started(delivery) == [name, name]
        assert trigger["note"].startswith("started although the changed paths are not known after "), trigger
        assert "1 route starts nothing" in by_hook[("by-route", name)]["note"], by_hook
    else:
        assert {t["state"] for t in delivery["triggers"]} == {"failed"}
        assert trigger["error"].startswith("the changed paths are not known after "), trigger
    log = penstock.log()
    assert ("without knowing the changed paths" if when_unknown == "start" else "trigger failed") in log


def test_new_branches_and_lost_commits(sandbox, make_penstock, repository):
    sandbox.create_pipeline("compared", "main", repository.name, mode="PARALLEL")
    everything = hook("compared", repository, triggers={"filePaths": {"includes": ["a"]}})
    everything["filters"] = []
    penstock = make_penstock([everything]).start()
    main = Work(repository)
    main.commit({"a": b"0", "b": b"0"})
    # A new branch is compared with what it shares with the default branch.
    branch = Work(repository, "topic")
    branch.files = {"a": b"0", "b": b"1"}
    commit = repository.commit(branch.files, "topic", parent=repository.head("main"))
    answer = penstock.accept(payloads.push([payloads.ref_update("topic", commit)], repository.name))
    delivery = settled(penstock, answer["deliveryId"])
    assert started(delivery) == [] and delivery["decisions"][0]["changedPaths"]["basis"] == "mergeBase"
    # The commit from before is nowhere: all files count.
    gone = payloads.ref_update("topic", commit, "1" * 40)
    answer = penstock.accept(payloads.push([gone], repository.name))
    delivery = settled(penstock, answer["deliveryId"])
    verdict = delivery["decisions"][0]["changedPaths"]
    assert started(delivery) == ["compared"] and verdict["basis"] == "allFiles", verdict
    assert "is not there any more (force push): all files count" in verdict["note"]


def test_a_reload_gives_what_waits_another_try(sandbox, make_penstock, repository, own_git, git_http):
    sandbox.create_pipeline("repaired", "main", repository.name, mode="PARALLEL")
    own_git.pause()
    penstock = make_penstock([hook("repaired", repository, ignorePaths=["*.md"])], remote=remote_of(own_git)).start()
    identifier = Work(repository).push(penstock, {"a": b"1"})
    waiting_trigger(penstock, identifier)
    penstock.configuration["workers"][0]["remote"] = remote_of(git_http)
    penstock.write_configuration()
    penstock.reload()
    assert started(settled(penstock, identifier)) == ["repaired"]


def test_killed_while_triggers_wait_for_their_paths(sandbox, make_penstock, repository, own_git):
    """Nothing lost, nothing twice, with a git server that comes and goes."""
    chance = random.Random(SEED)
    print(f"PENSTOCK_E2E_SEED={SEED}, {KILLS} kills")
    for name in ("kill-a", "kill-b", "kill-all"):
        sandbox.create_pipeline(name, "main", repository.name, mode="PARALLEL")
    sandbox.configure(reofferSeconds=1.5)
    penstock = make_penstock([
        routed("kill-routes", repository, [(["{which}/**"], "kill-{which}")]),
        hook("kill-all", repository, ignorePaths=["none/**"])], remote=remote_of(own_git)).start()
    work = Work(repository)
    work.before = work.commit({"a/x": b"0", "b/x": b"0", "none/x": b"0"})
    pushes = []  # delivery -> pipelines
    for number in range(KILLS):
        if number % 3 == 0:
            own_git.pause()
        for _ in range(3):
            which = [name for name in ("a", "b", "none") if chance.random() < 0.5] or ["none"]
            expected = sorted(f"kill-{name}" for name in which if name != "none")
            expected += ["kill-all"] if expected else []
            content = str(chance.random()).encode()
            pushes.append((work.push(penstock, {f"{name}/x": content for name in which}), sorted(expected)))
        time.sleep(chance.uniform(0.0, 0.6))
        if number % 3 == 1:
            own_git.resume()
        penstock.crash(chance)
    if KILLS % 3 == 1:
        own_git.resume()
    for identifier, expected in pushes:
        delivery = settled(penstock, identifier)
        assert started(delivery) == expected, delivery["decisions"]
    wanted = {}
    for _, expected in pushes:
        for name in expected:
            wanted[name] = wanted.get(name, 0) + 1
    for name in ("kill-a", "kill-b", "kill-all"):
        assert len(sandbox.executions(name)) == wanted.get(name, 0), name


def explained(penstock, payload):
    """Exit status, decisions and words of `penstock explain`."""
    file = penstock.directory / "payload.json"
    file.write_bytes(payloads.encode(payload))
    done = run("explain", "--config", penstock.config_file, file, env=penstock.environment)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_explain_fetches_and_compares_or_says_why_not(sandbox, make_penstock, repository, own_git):
    work = Work(repository)
    before = work.commit({"a/x": b"0", "readme.md": b"0"})
    both = work.commit({"a/x": b"1", "readme.md": b"1"})
    only_readme = work.commit({"readme.md": b"2"})
    penstock = make_penstock([routed("explained", repository, [(["{name}/**"], "shop-{name}")])],
                             remote=remote_of(own_git))

    def push(new, old):
        return payloads.push([payloads.ref_update("main", new, old)], repository.name)
    status, (decision,), words = explained(penstock, push(both, before))
    assert (status, decision["matched"]) == (0, True), words
    assert [p["pipeline"] for p in decision["changedPaths"]["pipelines"]] == ["shop-a"], decision
    status, (decision,), words = explained(penstock, push(only_readme, both))
    assert (status, decision["matched"]) == (3, False), words
    assert decision["reason"] == 'of 1 changed file none counts: 1 on no route ("readme.md")'
    own_git.pause()
    status, (decision,), words = explained(penstock, push(both, before))
    assert (status, decision["waitingFor"]) == (0, "changedPaths"), words
    assert 'the changed paths of "refs/heads/main" are not known: ' in words, words
