"""The command line: results on stdout, words for people on stderr, and exit codes that scripts can use."""

import json
import os
import re
import shutil
import subprocess

from support import payloads
from support.penstock import API_TOKEN, HOOK_PASSWORD, PATIENCE, READ_ONLY_TOKEN, run, webhook
from support.processes import eventually

MISTAKES = """\
dataDirectory: /var/lib/penstock
server:
  lissten: 0.0.0.0:8443
  drainTimeout: soon
  trustedProxies: [10.0.0.0/33]
endpoints:
  azure-devops:
    authentication:
      - {type: BASIC, username: azure, password: hunter2hunter2}
  open: {}
webhooks:
  - name: shop
    endpoint: azure-devop
    targetPipeline: shop
    targetAction: Source
    filters:
      - {jsonPath: "$.resource.refUpdates[", matchEquals: main}
workers:
  - actionType: {category: Source, owner: Custom, provider: AzureDevOpsRepo, version: "1"}
    handler: git-source
    remote: "https://dev.azure.com/{Organization}/{Project}/_git/{Repo}"
    branch: "{Branch}"
    credentials: azure-pta
credentials:
  azure-pat: {type: PAT, token: {secret: "env:AZURE_PAT"}}
"""


def test_check_names_eight_mistakes_with_their_lines(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(MISTAKES)
    done = run("check", "--config", file)
    assert done.returncode == 78, (done.stdout, done.stderr)
    problems = done.stdout + done.stderr
    expected = {
        3: ("server.lissten", "listen"),
        4: ("server.drainTimeout", "soon"),
        5: ("server.trustedProxies", "10.0.0.0/33"),
        9: ("password", "secret"),
        10: ("open", "authentication"),
        13: ("webhooks[0].endpoint", "azure"),
        17: ("jsonPath", "column"),
        23: ("credentials", "azure-pat"),
    }
    for line, words in expected.items():
        found = [text for text in problems.splitlines() if text.startswith(f"{file}:{line}: ")]
        assert found, f"nothing about line {line} in:\n{problems}"
        for word in words:
            assert any(word in text for text in found), (line, word, found)
    assert "hunter2hunter2" not in problems
    named = {int(n) for n in re.findall(rf"^{re.escape(str(file))}:(\d+): ", problems, re.MULTILINE)}
    assert named == set(expected), problems


def test_check_and_config_of_a_good_file(make_penstock):
    penstock = make_penstock([webhook("shop", "shop")])
    done = run("check", "--config", penstock.config_file, env=penstock.environment)
    assert done.returncode == 0, (done.stdout, done.stderr)
    done = run("config", "--config", penstock.config_file, env=penstock.environment)
    assert done.returncode == 0, done.stderr
    assert "server.drainTimeout" in done.stdout and "20s" in done.stdout
    assert "default" in done.stdout and f"{penstock.config_file}:" in done.stdout
    for secret in (HOOK_PASSWORD, API_TOKEN, READ_ONLY_TOKEN):
        assert secret not in done.stdout + done.stderr


def test_config_file_that_is_not_there(tmp_path):
    for command in ("check", "config", "serve"):
        done = run(command, "--config", tmp_path / "none.yaml")
        assert done.returncode == 78, (command, done.returncode, done.stderr)
        assert "none.yaml" in done.stderr + done.stdout


def test_version():
    done = run("version")
    assert done.returncode == 0
    assert re.search(r"penstock \d+\.\d+\.\d+", done.stdout)
    for library in ("libgit2", "libcurl", "SQLite", "OpenSSL", "git version"):
        assert library.lower() in done.stdout.lower(), (library, done.stdout)


def test_jsonpath(tmp_path):
    document = {"resource": {"refUpdates": [{"name": "refs/heads/main"}, {"name": "refs/tags/v1"}]}}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(document))
    expected = [{"path": f"$['resource']['refUpdates'][{n}]['name']", "value": document["resource"]["refUpdates"][n]["name"]}
                for n in (0, 1)]
    for arguments, data in (([file], None), ([], file.read_text())):
        done = run("jsonpath", "$.resource.refUpdates..name", *arguments, data=data)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == expected
    assert json.loads(run("jsonpath", "$.nothing", file).stdout) == []
    assert json.loads(run("jsonpath", "$.resource.refUpdates[?match(@.name, 'refs/tags/.*')].name", file).stdout) == expected[1:]
    done = run("jsonpath", "$.resource[", file)
    assert done.returncode == 2 and re.search(r"column \d+", done.stderr), done.stderr
    assert done.stdout == ""
    assert run("jsonpath", "$.a", data="{not json").returncode == 1
    assert run("jsonpath", "$.a", tmp_path / "none.json").returncode == 1


def test_explain(make_penstock, tmp_path):
    penstock = make_penstock([webhook("main-only", "shop", actionConfiguration={"Branch": "main"}),
                              webhook("release", "shop-release", branch="refs/heads/release")])
    file = tmp_path / "push.json"
    file.write_bytes(payloads.encode(payloads.push([payloads.ref_update("main", "12" * 20)])))
    done = run("explain", "--config", penstock.config_file, file)
    assert done.returncode == 0, done.stderr
    decisions = {d["webhook"]: d for d in json.loads(done.stdout)}
    assert decisions["main-only"]["matched"] is True
    assert decisions["release"]["matched"] is False
    assert decisions["release"]["filters"][0]["expected"] == "refs/heads/release"
    file.write_bytes(payloads.encode(payloads.push([payloads.ref_update("other", "12" * 20)])))
    assert run("explain", "--config", penstock.config_file, data=file.read_text()).returncode == 3
    assert run("explain", "--config", penstock.config_file, data="nonsense").returncode == 1


def test_redeliver(make_penstock, authority):
    penstock = make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})]).start()
    identifier = penstock.accept(payloads.push([payloads.ref_update("main", "12" * 20)]))["deliveryId"]

    def redeliver(delivery, token):
        environment = {**penstock.environment, "PENSTOCK_TOKEN": token, "SSL_CERT_FILE": str(authority.certificate)}
        return run("redeliver", delivery, "--server", penstock.url, "--ca-file", authority.certificate, env=environment)

    done = redeliver(identifier, API_TOKEN)
    assert done.returncode == 0, done.stderr
    assert len(penstock.all("deliveries")) == 2
    # The second click of a double click.
    assert redeliver(identifier, API_TOKEN).stdout == done.stdout
    assert len(penstock.all("deliveries")) == 2
    done = penstock.command("redeliver", identifier, "--webhook", "nine")
    assert done.returncode == 1 and "did you mean \"none\"?" in done.stderr, done.stderr
    done = penstock.command("redeliver", identifier, "--webhook", "none")
    assert done.returncode == 0, done.stderr
    assert len(penstock.all("deliveries")) == 3
    line, = eventually("the line in the log", lambda: [
        json.loads(line) for line in penstock.log().splitlines()
        if '"message":"redelivered"' in line and line.endswith("}") and json.loads(line)["webhook"] == "none"], PATIENCE)
    assert (line["by"], line["delivery"], line["outcome"]) == ("ops", identifier, "filtered"), line
    for delivery, token in ((identifier, READ_ONLY_TOKEN), (identifier, "wrong"), ("no-such-id", API_TOKEN)):
        done = redeliver(delivery, token)
        assert done.returncode == 1, (delivery, token, done.stdout)
        assert done.stderr and token not in done.stderr


def test_artifact_refusals(repository, git_http, make_penstock, tmp_path):
    commit = repository.commit({"a": b"1"})
    remote = f"{git_http.https_url}/{payloads.ORGANIZATION}/Harbour%20Works/_git/{repository.name}"
    penstock = make_penstock([])
    cases = {
        "no credentials": ["--repository", remote, "--revision", commit],
        "no such revision": ["--repository", remote, "--revision", "nowhere", "--config", penstock.config_file,
                             "--credentials", "azure"],
        "remote helper": ["--repository", "ext::sh -c id", "--revision", commit],
        "option as url": ["--repository=--upload-pack=touch /tmp/x", "--revision", commit],
    }
    for name, arguments in cases.items():
        output = tmp_path / "refused.zip"
        done = run("artifact", *arguments, "--output", output, "--cache", tmp_path / "cache", env=penstock.environment)
        assert done.returncode in (1, 64, 78), (name, done.returncode, done.stderr)
        assert done.stderr and not done.stdout, name
        assert not output.exists(), name


def test_artifact_of_a_local_repository(repository, tmp_path):
    """The person at the command line may read local folders; jobs may only when the settings say so."""
    commit = repository.commit({"a": b"1"})
    for number, url in enumerate((str(repository.path), f"file://{repository.path}")):
        output = tmp_path / f"{number}.zip"
        done = run("artifact", "--repository", url, "--revision", "main", "--output", output)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["commitId"] == commit
    assert (tmp_path / "0.zip").read_bytes() == (tmp_path / "1.zip").read_bytes()


def test_webhooks_import(sandbox, make_penstock, tmp_path):
    """What the AWS CLI has put is printed as a configuration that `penstock check` accepts."""
    aws = shutil.which("aws", path="/usr/bin:/usr/local/bin")
    for pipeline in ("imported", "imported-too"):
        sandbox.create_pipeline(pipeline, "main", "shop")
    authentications = [("GITHUB_HMAC", {"SecretToken": "told-to-nobody"}), ("IP", {"AllowedIPRange": "20.37.158.0/23"}),
                       ("UNAUTHENTICATED", {})]
    for number, (authentication, configuration) in enumerate(authentications):
        definition = {"webhook": {
            "name": f"hook-{number}", "targetPipeline": "imported" if number else "imported-too", "targetAction": "Source",
            "filters": [{"jsonPath": "$.resource.refUpdates..name", "matchEquals": "refs/heads/{Branch}"}],
            "authentication": authentication, "authenticationConfiguration": configuration}}
        subprocess.run([aws, "--endpoint-url", sandbox.url, "codepipeline", "put-webhook", "--cli-input-json", json.dumps(definition)], check=True,
                       env={**os.environ, **sandbox.environment, "AWS_PAGER": ""}, capture_output=True, timeout=120)
    penstock = make_penstock([])

    def imported(*arguments):
        done = run("webhooks", "import", *arguments, env=penstock.environment)
        assert done.returncode == 0, done.stderr
        assert "told-to-nobody" not in done.stdout
        file = tmp_path / "imported.yaml"
        file.write_text(done.stdout)
        checked = run("check", "--config", file, env={**penstock.environment, "WEBHOOK_SECRET_HOOK_0": "filled in"})
        assert checked.returncode == 0, (checked.stdout, checked.stderr, done.stdout)
        return done

    text = imported().stdout
    for words in ('name: "hook-0"', 'secret: "env:WEBHOOK_SECRET_HOOK_0"', 'allowedIpRanges: ["20.37.158.0/23"]',
                  "authentication: UNAUTHENTICATED", "Fill in: "):
        assert words in text, text
    text = imported("--pipeline", "imported-too").stdout
    assert "hook-0" in text and "hook-1" not in text
    done = imported("--pipeline", "importd")
    assert 'did you mean "imported"?' in done.stderr, done.stderr
    # The definitions work as they are.
    file = tmp_path / "imported.yaml"
    file.write_text(imported("--pipeline", "imported").stdout)
    done = run("explain", "--config", file, data=payloads.encode(payloads.push([payloads.ref_update("main", "12" * 20)])).decode(),
               env=penstock.environment)
    assert done.returncode == 0 and [d["matched"] for d in json.loads(done.stdout)] == [True, True], done.stderr


def test_usage_errors():
    for arguments in ([], ["no-such-command"], ["serve"], ["jsonpath"]):
        done = run(*arguments)
        assert done.returncode not in (0, 1, 78), (arguments, done.returncode)
        assert done.stderr
    assert "serve" in run("--help").stdout
