"""What is answered to deliveries that start nothing, start something once, or are sent again."""

import copy

from support import payloads
from support.penstock import webhook
from support.processes import eventually
from support.repositories import ZERO_ID


def executions(sandbox, pipeline):
    return len(sandbox.executions(pipeline))


def test_retry_starts_nothing_twice(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("retried", "main", repository.name)
    penstock = make_penstock([webhook("retried", "retried")]).start()
    push = payloads.push([payloads.ref_update("main", commit)], repository.name)
    first = penstock.accept(push)
    penstock.started(first["deliveryId"])
    for _ in range(3):
        again = penstock.accept(push)
        assert again["outcome"] == "duplicate", again
        assert again["deliveryId"] != first["deliveryId"]
        assert penstock.delivery(again["deliveryId"])["triggers"] == []
    assert executions(sandbox, "retried") == 1
    assert len(penstock.all("deliveries")) == 4


def test_second_subscription_starts_nothing_twice(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("two-subscriptions", "main", repository.name)
    penstock = make_penstock([webhook("two-subscriptions", "two-subscriptions")]).start()
    update = [payloads.ref_update("main", commit)]
    first = penstock.accept(payloads.push(update, repository.name, push_id=7))
    second = penstock.accept(payloads.push(update, repository.name, push_id=7,
                                           subscription="0b41c8b0-97a4-4d3c-8a0e-000000000002"))
    assert (first["outcome"], second["outcome"]) == ("triggered", "duplicate")
    # The same commit in a new push is new.
    third = penstock.accept(payloads.push(update, repository.name, push_id=8))
    assert third["outcome"] == "triggered"
    penstock.started(first["deliveryId"])
    penstock.started(third["deliveryId"])
    assert executions(sandbox, "two-subscriptions") == 2


def test_portal_tests_are_accepted_and_start_nothing(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("portal", "main", repository.name)
    penstock = make_penstock([webhook("portal", "portal")]).start()
    update = [payloads.ref_update("main", commit)]
    creating = payloads.push(update, repository.name, subscription=payloads.TEST_SUBSCRIPTION)
    existing = {**payloads.push(update, repository.name), "id": "03c164c2-8912-4d5e-8009-3707d5f83734"}
    for event in (creating, existing, creating):
        answer = penstock.accept(event)
        assert answer["outcome"] == "test", answer
        assert penstock.delivery(answer["deliveryId"])["triggers"] == []
    assert executions(sandbox, "portal") == 0


def test_filtered_and_its_explanation(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("filtered", "main", repository.name)
    penstock = make_penstock([webhook("filtered", "filtered", repository="another")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    assert (answer["outcome"], answer["matched"]) == ("filtered", [])
    delivery = penstock.delivery(answer["deliveryId"])
    decision, = delivery["decisions"]
    assert decision["webhook"] == "filtered" and decision["matched"] is False
    failed = [f for f in decision["filters"] if not f["matched"]]
    assert failed[-1]["expected"] == "another"
    assert repository.name in str(failed[-1]["selected"])
    assert delivery["refUpdates"] == [payloads.ref_update("main", commit)]
    assert delivery["request"]["headers"]["Authorization"] == "[redacted]"
    assert delivery["request"]["body"]["eventType"] == "git.push"


def test_branch_deletion_starts_nothing(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("deletion", "main", repository.name)
    penstock = make_penstock([webhook("deletion", "deletion")]).start()
    push = payloads.push([payloads.ref_update("main", ZERO_ID, old=commit)], repository.name)
    del push["resource"]["commits"]
    answer = penstock.accept(push)
    assert answer["outcome"] == "filtered", answer
    assert "deleted" in str(penstock.delivery(answer["deliveryId"])["decisions"])
    assert executions(sandbox, "deletion") == 0


def test_payloads_without_details_are_explained(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    penstock = make_penstock([webhook("minimal", "minimal", actionConfiguration={"Branch": "main"})]).start()
    whole = payloads.push([payloads.ref_update("main", commit)], repository.name)
    minimal = copy.deepcopy(whole)
    minimal["resource"] = {"pushId": 12, "url": whole["resource"]["url"]}
    nothing = {**payloads.push([], repository.name), "resource": None, "resourceVersion": None, "message": None}
    absent = payloads.push([], repository.name)
    del absent["resource"], absent["message"], absent["resourceContainers"], absent["detailedMessage"]
    for event in (minimal, nothing, absent):
        answer = penstock.accept(event)
        assert answer["outcome"] == "ignored", answer
        assert "All" in answer["reason"], answer


def test_unusual_but_valid_events(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("unusual", "main", repository.name)
    penstock = make_penstock([webhook("unusual", "unusual")]).start()
    push = payloads.push([payloads.ref_update("main", commit)], repository.name)
    push["somethingNew"] = {"deep": [1, 2, {"x": None}]}
    push["message"] = None
    answer = penstock.accept(b"\xef\xbb\xbf" + payloads.encode(push))
    assert answer["outcome"] == "triggered", answer
    pull_request = {"eventType": "git.pullrequest.created", "id": "4f7e2f86-0000-4000-8000-000000000001",
                    "publisherId": "tfs", "resource": {"pullRequestId": 3, "status": "active"}}
    assert penstock.accept(pull_request)["outcome"] in ("filtered", "ignored")
    penstock.started(answer["deliveryId"])


def test_redelivery_starts_again_with_a_new_token(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("redelivered", "main", repository.name)
    penstock = make_penstock([webhook("redelivered", "redelivered")]).start()
    first = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    original, = penstock.started(first["deliveryId"])
    answer = penstock.redeliver(first["deliveryId"])
    assert answer.status == 202, answer.text
    again, = penstock.started(answer.json()["deliveryId"])
    assert again["clientRequestToken"] != original["clientRequestToken"]
    assert again["pipelineExecutionId"] != original["pipelineExecutionId"]
    assert executions(sandbox, "redelivered") == 2
    assert penstock.redeliver("019a0000-0000-7000-8000-000000000000").status == 404


def test_a_dry_run_says_what_would_happen_and_starts_nothing(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("tried", "main", repository.name)
    penstock = make_penstock([webhook("tried", "tried", actionConfiguration={"Branch": "main"})]).start()
    push = payloads.push([payloads.ref_update("main", commit)], repository.name)
    dry = {"X-Penstock-Dry-Run": "true"}
    answer = penstock.accept(push, headers=dry)
    assert (answer["outcome"], answer["matched"]) == ("dry-run", ["tried"]), answer
    delivery = penstock.delivery(answer["deliveryId"])
    assert delivery["decisions"] == answer["decisions"] and delivery["triggers"] == []
    assert [d["id"] for d in penstock.all("deliveries", outcome="dry-run")] == [answer["deliveryId"]]
    assert penstock.redeliver(answer["deliveryId"]).status == 409
    for password in (None, "wrong"):
        with_header, without = (penstock.post_hook(push, password=password, headers=h) for h in (dry, {}))
        assert with_header.status == without.status == 401
        assert {**with_header.json(), "requestId": 0} == {**without.json(), "requestId": 0}
    penstock.started(penstock.accept(push)["deliveryId"])
    assert executions(sandbox, "tried") == 1


def test_redelivery_to_one_webhook(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"1"})
    for pipeline in ("first", "second"):
        sandbox.create_pipeline(pipeline, "main", repository.name)
    penstock = make_penstock([webhook("first", "first"), webhook("second", "second")]).start()
    delivery = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))["deliveryId"]
    penstock.started(delivery, 2)
    answer = penstock.redeliver(delivery, body=b'{"webhook": "second"}')
    assert answer.status == 202, answer.text
    trigger, = penstock.started(answer.json()["deliveryId"])
    assert (trigger["webhook"], trigger["generation"]) == ("second", 1)
    whole = penstock.delivery(answer.json()["deliveryId"])
    assert [d["webhook"] for d in whole["decisions"]] == ["second"]
    assert whole["redeliveryOf"] == delivery and "\"second\" alone" in whole["reason"]
    assert (executions(sandbox, "first"), executions(sandbox, "second")) == (1, 2)
    for body, status, words in ((b'{"webhook": "secnd"}', 400, "did you mean \"second\"?"), (b'["second"]', 400, "object"),
                                (b'{"webhook": 2}', 400, "name of a webhook"), (b'{"webhok": "second"}', 400, "webhok"),
                                (b'{', 400, "body")):
        answer = penstock.redeliver(delivery, body=body)
        assert answer.status == status and words in answer.json()["detail"], (body, answer.text)
    assert len(penstock.all("deliveries")) == 2


def test_trigger_waits_while_the_pipeline_cannot_be_read(sandbox, make_penstock, repository):
    """{Branch} comes from the pipeline; until there is one the push is kept."""
    commit = repository.commit({"a": b"1"})
    penstock = make_penstock([webhook("late", "late-pipeline")]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    delivery = penstock.delivery(answer["deliveryId"])
    assert delivery["outcome"] == "triggered", delivery
    states = eventually("the trigger to have been tried", lambda: [
        t["state"] for t in penstock.delivery(answer["deliveryId"])["triggers"] if t["attempts"] or t["error"]])
    assert states != ["started"]
