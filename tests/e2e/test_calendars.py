"""Pushes that wait for their calendar. It is closed by a holiday that ends a few seconds from now, or hours from now."""

import datetime
import json
import time

import pytest
from support import payloads
from support.penstock import API_TOKEN, PATIENCE, READ_ONLY_TOKEN, webhook
from support.processes import eventually


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def holidays(folder, until):
    """An iCalendar file with one holiday, from an hour ago to `until`."""
    form = "%Y%m%dT%H%M%SZ"
    path = folder / "holidays.ics"
    path.write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Works\r\n  outing\r\n"
                    f"DTSTART:{now() - datetime.timedelta(hours=1):{form}}\r\nDTEND:{until:{form}}\r\n"
                    "END:VEVENT\r\nEND:VCALENDAR\r\n")
    return path


def office(path, when_closed="postpone"):
    return {"office": {"timeZone": "Europe/Berlin", "open": {"daily": "00:00-24:00"}, "holidays": {"file": str(path)},
                       "whenClosed": when_closed}}


def release(penstock, trigger, token=API_TOKEN):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return penstock.request("POST", f"/api/v1/triggers/{trigger}/release", b"", headers)


@pytest.fixture
def post(sandbox, repository):
    """Pushes a commit and returns the delivery's id."""
    def push(penstock, text=b"1"):
        commit = repository.commit({"a": text})
        answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
        assert answer["outcome"] == "triggered", answer
        return answer["deliveryId"]
    return push


def in_state(penstock, delivery, state):
    def look():
        trigger, = penstock.delivery(delivery)["triggers"]
        return trigger if trigger["state"] == state else None
    return eventually(f"the trigger of {delivery} to be {state}", look, PATIENCE)


def make_hook(name):
    return webhook(name, name, calendar="office", actionConfiguration={"Branch": "main"})


def test_a_push_waits_for_the_opening_through_kill_and_restart(sandbox, make_penstock, repository, post, tmp_path):
    opening = (now() + datetime.timedelta(seconds=15)).replace(microsecond=0)
    sandbox.create_pipeline("waits", "main", repository.name)
    penstock = make_penstock([make_hook("waits")], calendars=office(holidays(tmp_path, opening))).start()
    first, second = post(penstock, b"1"), post(penstock, b"2")
    for delivery in (first, second):
        trigger = in_state(penstock, delivery, "deferred")
        assert trigger["error"].startswith("closed: holiday \"Works outing\"; opens 20"), trigger
        assert trigger["nextAttemptAt"] == f"{opening:%Y-%m-%dT%H:%M:%S}.000Z", trigger
        assert trigger["attempts"] == 0
    penstock.process.kill()
    penstock.start()
    in_state(penstock, first, "deferred")
    assert sandbox.executions("waits") == []
    remaining = (opening - now()).total_seconds()
    assert remaining > 1, "the machine was too slow for this test's opening"
    time.sleep(max(0.0, remaining - 1))
    # Killed again and again around the opening.
    while now() < opening + datetime.timedelta(seconds=1):
        penstock.process.kill()
        penstock.start()
        time.sleep(0.1)
    started = [penstock.started(delivery)[0] for delivery in (first, second)]
    for trigger in started:
        assert trigger["startedAt"] >= f"{opening:%Y-%m-%dT%H:%M:%S}.000Z", trigger
        assert trigger["error"] is None
    executions = sandbox.executions("waits")
    assert {e["pipelineExecutionId"] for e in executions} == {t["pipelineExecutionId"] for t in started}
    assert len(executions) == 2
    assert started[0]["startedAt"] <= started[1]["startedAt"]


def test_a_deferred_trigger_is_released_by_those_who_may(sandbox, make_penstock, repository, post, tmp_path):
    sandbox.create_pipeline("released", "main", repository.name)
    calendars = office(holidays(tmp_path, now() + datetime.timedelta(hours=5)))
    penstock = make_penstock([make_hook("released")], calendars=calendars).start()
    first, second = post(penstock, b"1"), post(penstock, b"2")
    in_state(penstock, first, "deferred")
    trigger = in_state(penstock, second, "deferred")["id"]
    assert release(penstock, trigger, token=None).status == 401
    assert release(penstock, trigger, token=READ_ONLY_TOKEN).status == 403
    for unknown in ("019a0000-0000-7000-8000-000000000000", "x"):
        assert release(penstock, unknown).status == 404, unknown
    assert sandbox.executions("released") == []
    waiting = penstock.command("release", trigger, token=READ_ONLY_TOKEN)
    assert waiting.returncode == 1 and "history.redeliver" in waiting.stderr, waiting.stderr
    done = penstock.command("release", trigger)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"triggerId": trigger}), done.stderr
    penstock.started(second)
    again = release(penstock, trigger)
    assert again.status == 409 and "only a deferred trigger can be released" in again.json()["detail"], again.text
    assert len(sandbox.executions("released")) == 1
    # The one that nobody released waits, also over a restart.
    penstock.process.kill()
    penstock.start()
    in_state(penstock, first, "deferred")
    assert len(sandbox.executions("released")) == 1


def test_what_comes_while_closed_is_skipped(sandbox, make_penstock, repository, post, tmp_path):
    sandbox.create_pipeline("skipped", "main", repository.name)
    calendars = office(holidays(tmp_path, now() + datetime.timedelta(hours=5)), "skip")
    penstock = make_penstock([make_hook("skipped")], calendars=calendars).start()
    trigger = in_state(penstock, post(penstock), "skipped")
    assert trigger["error"] == ("closed: holiday \"Works outing\"; calendar \"office\" skips what comes while it is "
                                "closed")
    assert sandbox.executions("skipped") == []
    # A reload reads the file again.
    holidays(tmp_path, now() - datetime.timedelta(minutes=1))
    penstock.reload()
    eventually("the reload", lambda: "reloaded the configuration" in penstock.log(), PATIENCE)
    penstock.started(post(penstock, b"2"))


def test_a_reload_with_an_unreadable_file_changes_nothing(sandbox, make_penstock, repository, post, tmp_path):
    sandbox.create_pipeline("kept", "main", repository.name)
    path = holidays(tmp_path, now() + datetime.timedelta(hours=5))
    penstock = make_penstock([make_hook("kept")], calendars=office(path)).start()
    path.write_text("BEGIN:VCALENDAR\n")
    penstock.reload()
    eventually("the refusal", lambda: "the file ends within VCALENDAR" in penstock.log(), PATIENCE)
    in_state(penstock, post(penstock), "deferred")
