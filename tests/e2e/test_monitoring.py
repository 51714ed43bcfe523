"""What operators watch: every metric is on the page of the docs, alerts fire when they should, the dashboard asks for what is there; and the
trace of a push is followed from its header to the log."""

import json
import os
import re
import subprocess

from support import metrics, payloads
from support.event_bridge import queue
from support.penstock import webhook
from support.processes import eventually

ALERTS = metrics.ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = metrics.ROOT / "deploy/grafana/penstock.json"
TRACE = "7c1f0e6a5b8d4c23915e7f08a6d2b4c1"


def promtool(*arguments, **options):
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout + done.stderr


def metrics_in(expression):
    names = set(re.findall(r"\b((?:penstock|process)_[a-z_]+)\b", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) if name.endswith("_bucket") else name for name in names}


def test_every_metric_is_documented(sandbox, make_penstock, repository):
    commit = repository.commit({"README.md": b"measured\n"})
    sandbox.create_pipeline("measured", repository=repository.name)
    sandbox.create_pipeline("broken", repository="no-such-repository")
    sandbox.configure(eventQueue="measured")
    penstock = make_penstock([webhook("measured", "measured", repository=repository.name),
                              webhook("broken", "broken", repository="no-such-repository")],
                             events={"sqs": {"queueUrl": queue(sandbox, "measured")}},
                             access={"publicMetrics": True, "tokens": [
                                 {"name": "ops", "token": {"secret": "env:API_TOKEN"}, "scopes": ["history.read"]}]},
                             credentials={"azure": {"type": "PAT", "token": {"secret": "env:GIT_PASSWORD"},
                                                    "expires": "2099-12-31"}}).start()
    good = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))["deliveryId"]
    bad = penstock.accept(payloads.push([payloads.ref_update("main", commit)], "no-such-repository"))["deliveryId"]
    for delivery, state in ((good, "succeeded"), (bad, "failed")):
        trigger, = penstock.started(delivery)
        job = penstock.finished_job(trigger["pipelineExecutionId"])
        assert job["state"] == state, job
    text = penstock.request("GET", "/metrics").text
    said = promtool("check", "metrics", input=text)
    assert not said.strip(), said
    for sample in ('penstock_jobs_total{handler="git-source",state="succeeded"} 1',
                   'penstock_jobs_total{handler="git-source",state="failed"} 1',
                   'penstock_git_fetches_total{outcome="ok"} 1',
                   "penstock_push_to_artifact_seconds_count 1", "penstock_push_to_start_seconds_count 2",
                   'penstock_aws_calls_total{operation="StartPipelineExecution",outcome="ok",service="codepipeline"} 2',
                   "penstock_decision_seconds_count 2", "penstock_hook_answer_seconds_count 2"):
        assert f"\n{sample}\n" in text, (sample, text)
    assert re.search(r'^penstock_job_phase_seconds_count\{handler="git-source",phase="upload"\} 1$', text, re.MULTILINE)
    assert float(re.search(r"^penstock_mirrors_bytes (\S+)$", text, re.MULTILINE)[1]) >= 0
    assert float(re.search(r"^penstock_data_free_bytes (\S+)$", text, re.MULTILINE)[1]) > 0

    scraped, known = metrics.families(text), metrics.documented()
    if os.environ.get("PENSTOCK_WRITE_DOCS"):
        metrics.write_page({**{name: row for name, row in known.items() if name in metrics.names_in_source()}, **scraped})
        known = metrics.documented()
    for name, (kind, description, labels) in scraped.items():
        assert name in known, f"{name} is missing in docs/metrics.md; write it with PENSTOCK_WRITE_DOCS=1"
        assert known[name][:2] == (kind, description) and labels <= known[name][2], (name, known[name], kind, description, labels)
    assert metrics.names_in_source() == {name for name in known if name.startswith("penstock_")}


def test_alerts_and_dashboard_ask_for_what_there_is(tmp_path):
    assert "SUCCESS" in promtool("check", "rules", ALERTS)
    assert "SUCCESS" in promtool("test", "rules", ALERTS.with_name("alerts_test.yaml"))
    known = set(metrics.documented())
    assert metrics_in(ALERTS.read_text()) <= known, metrics_in(ALERTS.read_text()) - known
    panels = [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]
    rules = []
    for panel in panels:
        for target in panel["targets"]:
            expression = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
            assert metrics_in(expression) <= known, (panel["title"], metrics_in(expression) - known)
            rules.append({"record": f"panel:{len(rules)}", "expr": expression})
    file = tmp_path / "dashboard.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_a_trace_is_kept_and_logged(make_penstock):
    penstock = make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})]).start()

    def sent(**headers):
        push = payloads.push([payloads.ref_update("main", "1" * 40)], "traced")
        answer = penstock.post_hook(push, headers=headers)
        assert answer.status == 200
        delivery = penstock.delivery(answer.json()["deliveryId"])

        def logged():
            lines = [json.loads(line) for line in penstock.log().splitlines() if line.startswith("{")]
            return next((line for line in lines if line["message"] == "delivery" and line["delivery"] == delivery["id"]), None)
        line = eventually("the delivery to be logged", logged)
        assert line["traceId"] == delivery["traceId"]
        assert line["requestId"] == answer.headers["x-request-id"]
        return delivery

    delivery = sent(traceparent=f"00-{TRACE}-3d9a70e15c28b64f-01")
    assert delivery["traceId"] == TRACE
    assert delivery["request"]["headers"]["traceparent"] == f"00-{TRACE}-3d9a70e15c28b64f-01"
    for wrong in ("00-" + "0" * 32 + "-3d9a70e15c28b64f-01", "nonsense"):
        delivery = sent(traceparent=wrong)
        assert delivery["traceId"] == delivery["id"].replace("-", "")
    delivery = sent()
    assert delivery["traceId"] == delivery["id"].replace("-", "")
