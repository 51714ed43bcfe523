"""SIGTERM drains, SIGHUP reloads, a restart continues."""

import signal
import time

from support import archives, payloads
from support.penstock import webhook
from support.processes import eventually


def test_sigterm_drains(sandbox, make_penstock, repository):
    """Jobs in progress are finished or handed back, and the program ends with 0."""
    commit = repository.commit({f"file-{n}": bytes([n % 256]) * 20_000 for n in range(600)})
    names = [f"drain-{n}" for n in range(6)]
    for name in names:
        sandbox.create_pipeline(name, "main", repository.name)
    penstock = make_penstock([webhook(name, name) for name in names]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    eventually("some job to be in progress", lambda: penstock.all("jobs"), interval=0.01)
    began = time.monotonic()
    assert penstock.process.terminate(30) == 0
    assert time.monotonic() - began < 25

    penstock.start()
    for trigger in penstock.started(answer["deliveryId"], len(names)):
        action = sandbox.finished_action(trigger["pipeline"], trigger["pipelineExecutionId"])
        assert action["status"] == "Succeeded", action
        assert len(sandbox.executions(trigger["pipeline"])) == 1


def test_idle_server_ends_at_once(make_penstock):
    penstock = make_penstock([]).start()
    began = time.monotonic()
    assert penstock.process.terminate(20) == 0
    assert time.monotonic() - began < 5


def test_pushes_survive_a_restart(sandbox, make_penstock, repository):
    commit = repository.commit({"a": b"kept"})
    penstock = make_penstock([webhook("kept", "kept-pipeline", actionConfiguration={"Branch": "main"})]).start()
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    penstock.process.kill()
    sandbox.create_pipeline("kept-pipeline", "main", repository.name)
    penstock.start()
    if penstock.delivery(answer["deliveryId"])["triggers"][0]["state"] == "failed":
        return  # the start was refused for good before the pipeline existed: nothing to continue
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action("kept-pipeline", trigger["pipelineExecutionId"])
    assert archives.of_zip(sandbox.artifact(action)) == {"a": (archives.FILE, False, b"kept")}


def test_reload(sandbox, make_penstock, repository, authority, certificate, tmp_path):
    commit = repository.commit({"a": b"1"})
    sandbox.create_pipeline("reloaded", "main", repository.name)
    served, served_key = tmp_path / "served.pem", tmp_path / "served.key"
    served.write_bytes(certificate.certificate.read_bytes())
    served_key.write_bytes(certificate.private_key.read_bytes())
    penstock = make_penstock([], server={"tls": {"certificate": str(served), "privateKey": str(served_key)}}).start()

    def push():
        return penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))["outcome"]

    assert push() == "filtered"
    penstock.configuration["webhooks"] = [webhook("reloaded", "reloaded")]
    penstock.write_configuration()
    penstock.reload()
    eventually("the new webhook to be used", lambda: push() == "triggered", interval=0.2)

    # An invalid file changes nothing and says so.
    valid = penstock.config_file.read_text()
    penstock.config_file.write_text(valid.replace('"filters"', '"filtres"'))
    penstock.reload()
    eventually("the refusal in the log", lambda: "filtres" in penstock.log())
    assert push() == "triggered"
    assert penstock.process.running

    # A renewed certificate is served to new connections; a broken one is not.
    penstock.config_file.write_text(valid)
    renewed, before = authority.issue("renewed"), peer_certificate(penstock)
    served_key.write_bytes(renewed.private_key.read_bytes())
    served.write_bytes(renewed.certificate.read_bytes())
    penstock.reload()
    eventually("the renewed certificate", lambda: peer_certificate(penstock) != before)
    now = peer_certificate(penstock)
    served.write_text("not a certificate")
    said = len(penstock.log())
    penstock.reload()
    eventually("the refusal in the log", lambda: "certificate" in penstock.log()[said:])
    assert peer_certificate(penstock) == now
    assert push() == "triggered"
    assert penstock.process.terminate() == 0


def peer_certificate(penstock):
    import ssl
    host, port = penstock.configuration["server"]["listen"].split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_bad_configuration_ends_with_78(make_penstock):
    penstock = make_penstock([{"name": "x"}])
    penstock.start(wait=False)
    assert penstock.process.wait(20) == 78
    assert "penstock.yaml" in penstock.log()


def test_port_in_use_ends_with_1(make_penstock):
    first = make_penstock([]).start()
    second = make_penstock([], server={"listen": first.configuration["server"]["listen"]})
    second.start(wait=False)
    assert second.process.wait(20) in (1, 78), second.log()
    assert first.configuration["server"]["listen"].split(":")[1] in second.log()
    assert first.healthy()


def test_signals_are_not_lost_under_load(sandbox, make_penstock):
    penstock = make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})]).start()
    for number in range(20):
        penstock.process.signal(signal.SIGHUP)
        assert penstock.post_hook(payloads.push([payloads.ref_update("main", f"{number:040x}")])).status == 200
    assert penstock.process.terminate() == 0


def test_priming(sandbox, make_penstock, repository, git_http):
    """What is primed needs no fetch of everything for its first job; what cannot be primed is only warned about."""
    files = {f"file-{n}": bytes([n % 256]) * 2_000 for n in range(50)}
    repository.commit(files)
    penstock = make_penstock([webhook("primed", "primed")])
    remote = f"{git_http.https_url}/{payloads.ORGANIZATION}/Harbour%20Works/_git/{repository.name}"
    penstock.configuration["workers"][0]["prime"] = [remote + "-nowhere", remote]
    penstock.write_configuration()
    penstock.start()
    eventually("the priming", lambda: '"primed a repository"' in penstock.log())
    assert "priming a repository failed" in penstock.log()

    commit = repository.commit({**files, "new": b"1"})
    sandbox.create_pipeline("primed", "main", repository.name)
    answer = penstock.accept(payloads.push([payloads.ref_update("main", commit)], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    job = penstock.finished_job(trigger["pipelineExecutionId"])
    assert "50 of them as in the last one" in penstock.job_log(job["id"])
