"""What would happen now, and what is different: for payloads and for stored deliveries, on the command line and over HTTP."""

import copy
import datetime
import json
import re
from pathlib import Path

from support import payloads
from support.penstock import API_TOKEN, PATIENCE, READ_ONLY_TOKEN, run, webhook
from support.processes import eventually
from support.repositories import ZERO_ID


def explain(penstock, *arguments, data=None):
    done = run("explain", "--config", penstock.config_file, *arguments, data=data, env=penstock.environment)
    assert done.returncode in (0, 3), (done.returncode, done.stderr)
    return done.returncode, json.loads(done.stdout), done.stderr


def explain_over_http(penstock, delivery, token=READ_ONLY_TOKEN):
    return penstock.request("POST", f"/api/v1/deliveries/{delivery}/explain", b"",
                            {"Authorization": f"Bearer {token}"} if token else {})


def push_of(branch="main", repository="shop", commit="12" * 20):
    return payloads.push([payloads.ref_update(branch, commit)], repository)


def test_a_stored_delivery_against_a_repaired_configuration(sandbox, make_penstock):
    """A filter expects the wrong repository; one webhook goes, another comes. The server runs all the while."""
    sandbox.create_pipeline("explained", "main", "shop")
    wrong = webhook("explained", "explained", repository="shop-old")
    penstock = make_penstock([wrong, webhook("gone", "explained", branch="refs/heads/other")]).start()
    delivery = penstock.accept(push_of())["deliveryId"]
    code, decisions, text = explain(penstock, "--delivery", delivery)
    assert (code, decisions) == (3, penstock.delivery(delivery)["decisions"])
    assert "different: nothing" in text, text

    repaired = copy.deepcopy(wrong)
    repaired["filters"][1]["matchEquals"] = "shop"
    penstock.configuration["webhooks"] = [repaired, webhook("fresh", "explained", branch="refs/heads/release")]
    penstock.write_configuration()
    code, decisions, text = explain(penstock, "--delivery", delivery)
    assert code == 0
    assert [(d["webhook"], d["matched"]) for d in decisions] == [("explained", True), ("fresh", False)]
    assert 'filter $.resource.repository.name: matchEquals "shop-old" (did not match), now matchEquals "shop" (matched)' \
        '; found "shop"' in text, text
    for line in ("  explained, refs/heads/main: did not match, matches now: all filters passed\n",
                 "  fresh, refs/heads/main: new, does not match\n",
                 "  gone, refs/heads/main: is not among the webhooks any more; it did not match\n"):
        assert line in text, text
    # The server has not read the file again: it explains by what it runs on.
    answer = explain_over_http(penstock, delivery)
    assert answer.status == 200 and answer.json()["differences"] == [], answer.text
    penstock.process.kill()
    code, decisions, _ = explain(penstock, "--delivery", delivery)
    assert code == 0 and len(decisions) == 2
    penstock.start()
    def explained():
        answer = explain_over_http(penstock, delivery).json()
        assert (answer["then"]["outcome"], answer["now"]["outcome"]) == ("filtered", "triggered")
        # Until the pipeline's configuration is read again, it would wait for that.
        return answer if answer["now"]["triggers"][0]["next"] == "start" else None
    answer = eventually("the pipeline's configuration to be known", explained, PATIENCE)
    assert [d["change"] for d in answer["differences"]] == ["changed", "added", "removed"]
    assert sandbox.executions("explained") == []
    assert len(penstock.all("deliveries")) == 1


def test_explaining_over_http_needs_to_read_the_history(make_penstock):
    penstock = make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})]).start()
    delivery = penstock.accept(push_of())["deliveryId"]
    assert explain_over_http(penstock, delivery, token=None).status == 401
    assert explain_over_http(penstock, delivery, token="wrong").status == 401
    assert explain_over_http(penstock, "019a0000-0000-7000-8000-000000000000").status == 404
    assert explain_over_http(penstock, delivery).status == 200
    assert penstock.post_hook(b"{").status == 400
    rejected, = penstock.all("deliveries", outcome="rejected")
    answer = explain_over_http(penstock, rejected["id"], API_TOKEN)
    assert answer.status == 409 and "it was rejected" in answer.json()["detail"], answer.text


def test_what_the_calendar_does_is_told(sandbox, make_penstock, tmp_path):
    now = datetime.datetime.now(datetime.timezone.utc)
    form = "%Y%m%dT%H%M%SZ"
    opening = (now + datetime.timedelta(hours=5)).replace(second=0, microsecond=0)
    holidays = tmp_path / "holidays.ics"
    holidays.write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Outing\r\n"
                        f"DTSTART:{now - datetime.timedelta(hours=1):{form}}\r\nDTEND:{opening:{form}}\r\n"
                        "END:VEVENT\r\nEND:VCALENDAR\r\n")
    office = {"timeZone": "Etc/UTC", "open": {"daily": "00:00-24:00"}, "holidays": {"file": str(holidays)}}
    given = {"actionConfiguration": {"Branch": "main"}}
    penstock = make_penstock([webhook("closed", "closed", calendar="office", **given),
                              webhook("skips", "closed", calendar="strict", **given),
                              webhook("late", "not-there-yet", **given)],
                             calendars={"office": office, "strict": {**office, "whenClosed": "skip"}})
    code, _, text = explain(penstock, data=payloads.encode(push_of()).decode())
    assert code == 0
    for line in (f'would be postponed: calendar "office" is closed: holiday "Outing"; opens {opening:%Y-%m-%dT%H:%M}+00:00\n',
                 'would be skipped: closed: holiday "Outing"; calendar "strict" skips what comes while it is closed\n',
                 "would start: nothing delays it\n"):
        assert line in text, text
    penstock.start()
    delivery = penstock.accept(push_of())["deliveryId"]
    triggers = {t["webhook"]: t for t in explain_over_http(penstock, delivery).json()["now"]["triggers"]}
    assert triggers["closed"]["next"] == "postpone"
    assert triggers["closed"]["until"] == f"{opening:%Y-%m-%dT%H:%M:%S}.000Z"
    assert (triggers["skips"]["next"], triggers["late"]["next"]) == ("skip", "start")


def test_what_starts_nothing_says_why(make_penstock):
    penstock = make_penstock([webhook("all", "all", actionConfiguration={"Branch": "main"})])
    deletion = push_of(commit=ZERO_ID)
    portal = {**push_of(), "subscriptionId": payloads.TEST_SUBSCRIPTION}
    minimal = push_of()
    minimal["resource"] = {"pushId": 1}
    for event, words in ((deletion, "deleted"), (portal, "portal test"), (minimal, "All")):
        _, _, text = explain(penstock, data=payloads.encode(event).decode())
        assert words in text, text
    code, decisions, _ = explain(penstock, "--endpoint", "azure-devops", data=payloads.encode(push_of()).decode())
    assert code == 0 and len(decisions) == 1
    done = run("explain", "--config", penstock.config_file, "--endpoint", "azure-devop", data="{}")
    assert done.returncode == 1 and 'did you mean "azure-devops"?' in done.stderr, done.stderr


def test_explain_refusals(make_penstock):
    penstock = make_penstock([])
    done = run("explain", "--config", penstock.config_file, "--delivery", "019a0000-0000-7000-8000-000000000000")
    assert done.returncode == 1 and "there is no such file" in done.stderr, done.stderr
    assert not (penstock.directory / "data").exists()
    penstock.start()
    done = run("explain", "--config", penstock.config_file, "--delivery", "019a0000-0000-7000-8000-000000000000")
    assert done.returncode == 1 and "there is no such delivery" in done.stderr and not done.stdout, done.stderr
    done = run("explain", "--config", penstock.config_file, "--delivery", "x", "payload.json")
    assert done.returncode == 64, done.stderr


def masked(text, repository):
    """What is different in each run, under a name."""
    for pattern, name in ((r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"), (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
                          (r"\b[0-9a-f]{40}\b|(?<=from )[0-9a-f]{10}\b|(?<= to )[0-9a-f]{10}\b|(?<= at )[0-9a-f]{10}\b", "COMMIT")):
        text = re.sub(pattern, name, text)
    return text[text.index("delivery "):].replace(repository, "shop")


def test_the_page_of_explanations_is_what_the_program_says(sandbox, make_penstock, repository):
    first = repository.commit({"src/pay.c": b"1", "readme.md": b"1"})
    second = repository.commit({"src/pay.c": b"2", "readme.md": b"1"})
    third = repository.commit({"src/pay.c": b"2", "readme.md": b"2"})
    for pipeline in ("shop-build", "shop-docs", "shop-release"):
        sandbox.create_pipeline(pipeline, "main", repository.name)
    hooks = [webhook("shop-build", "shop-build", ignorePaths=["*.md"]),
             webhook("shop-release", "shop-release", branch="refs/heads/release")]
    penstock = make_penstock(hooks).start()

    def deliver(old, new):
        update = payloads.ref_update("main", new, old)
        return penstock.accept(payloads.push([update], repository.name))["deliveryId"]

    started = deliver(first, second)
    penstock.started(started)
    documentation = deliver(second, third)
    eventually("the changed paths", lambda: [t for t in penstock.delivery(documentation)["triggers"] if t["state"] == "skipped"],
               PATIENCE)
    told = [masked(explain(penstock, "--delivery", delivery)[2], repository.name) for delivery in (started, documentation)]
    penstock.configuration["webhooks"] = [hooks[0], webhook("shop-release", "shop-release")]
    penstock.write_configuration()
    told.append(masked(explain(penstock, "--delivery", documentation)[2], repository.name))
    page = (Path(__file__).resolve().parents[2] / "docs/explanations.md").read_text()
    blocks = re.findall(r"^```\n(delivery .*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert blocks == told, "\n".join(told)
