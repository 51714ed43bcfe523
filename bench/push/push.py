#!/usr/bin/env python3
"""From a push to its artifact, through the running server: webhook, trigger, job, fetch, zip, upload; against the processes
that do it today."""

import argparse
import contextlib
import http.client
import json
import os
import queue
import resource
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("PENSTOCK_BUILD", str(ROOT / "build/release"))
sys.path[:0] = [str(HERE.parent / "ingest"), str(HERE.parent / "artifact"), str(ROOT / "tests/e2e")]

import machine  # noqa: E402
import repositories  # noqa: E402
from support import payloads  # noqa: E402
from support.certificates import CertificateAuthority  # noqa: E402
from support.git_servers import GitHttpServer  # noqa: E402
from support.penstock import GIT_PASSWORD, HOOK_PASSWORD, Penstock, base_configuration, basic, webhook  # noqa: E402
from support.processes import eventually  # noqa: E402
from support.sandbox import BUCKET, REGION, Sandbox  # noqa: E402

RESULTS = ROOT / "bench/results/push.json"
AWS = shutil.which("aws", path="/usr/bin:/usr/local/bin") or "aws"
CONTENDERS = {
    "penstock": "Penstock",
    "mirror": "git fetch into a mirror; git archive; curl",
    "today": "git clone; checkout; zip -r; aws s3 cp",
}
CONCURRENCY = 4
CONNECTIONS = 16  # of what posts the webhooks


class Service:
    """A repository and its pipeline."""

    def __init__(self, number, original, root, git_url):
        self.name = f"service-{number:02}"
        self.checkout = repositories.Checkout(
            original, root / payloads.ORGANIZATION / payloads.PROJECT / "_git" / self.name)
        self.url = f"{git_url}/{payloads.ORGANIZATION}/{payloads.PROJECT.replace(' ', '%20')}/_git/{self.name}"
        self.lock = threading.Lock()


class Push:
    def __init__(self, service, commit):
        self.service, self.commit = service, commit
        self.posted = self.answered = self.done = None  # seconds since the epoch
        self.steps = {}  # what it waited for, in seconds

    @property
    def latency(self):
        return self.done - self.posted


def prepare(services, count):
    """`count` pushes, to one repository after the other."""
    rounds = -(-count // len(services))
    commits = [service.checkout.prepare(rounds) for service in services]
    return [Push(service, commits[i][number]) for number in range(rounds) for i, service in enumerate(services)][:count]


def at_intervals(pushes, interval, give):
    """Publishes each commit and gives it to give(); one each `interval` seconds, or as fast as that goes."""
    began = time.monotonic()
    for number, push in enumerate(pushes):
        time.sleep(max(0.0, began + number * interval - time.monotonic()))
        push.service.checkout.publish(push.commit)
        push.posted = time.time()
        give(push)


class Threads:
    """Takes what is given and does work(thread's own context, push) with it."""

    def __init__(self, count, work, context=lambda: None):
        self._queue, self._problems = queue.SimpleQueue(), []
        self._work, self._context = work, context
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        context = self._context()
        while (push := self._queue.get()) is not None:
            try:
                self._work(context, push)
            except Exception as error:  # raised by finish()
                self._problems.append(error)

    def give(self, push):
        self._queue.put(push)

    def finish(self):
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if self._problems:
            raise self._problems[0]


def seconds_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class PenstockContender:
    def __init__(self, directory, services, authority, sandbox, git_url, settings):
        configuration = base_configuration(directory, git_url + "/{Organization}/{Project}/_git/{Repo}",
                                           authority.issue("penstock"))
        configuration["log"]["level"] = "warning"
        worker, = configuration["workers"]
        worker["concurrency"] = CONCURRENCY
        worker.pop("pollInterval")
        if settings:
            worker["pollInterval"] = settings
        configuration["webhooks"] = [webhook(s.name, s.name, repository=s.name) for s in services]
        trust = {"GIT_SSL_CAINFO": str(authority.certificate), "SSL_CERT_FILE": str(authority.certificate)}
        self.sandbox = sandbox
        self.server = Penstock(directory, configuration, {**sandbox.environment, **trust}, authority.certificate)
        self.server.start()
        self._tls = ssl.create_default_context(cafile=str(authority.certificate))

    def close(self):
        self.server.close()

    def _connect(self):
        parts = urlsplit(self.server.url)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=self._tls)
        connection.connect()
        return connection

    @staticmethod
    def _post(connection, push):
        body = payloads.encode(payloads.push([payloads.ref_update("main", push.commit)], push.service.name))
        connection.request("POST", "/hooks/azure-devops", body, {
            "Content-Type": "application/json; charset=utf-8", "Authorization": basic("azure", HOOK_PASSWORD)})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the webhook was answered {answer.status}: {text[:500]}")
        push.answered = time.time()

    def cpu(self):
        return machine.cpu_seconds(self.server.process.pid)

    def run(self, pushes, interval):
        posters = Threads(CONNECTIONS, self._post, self._connect)
        time.sleep(0.2)  # the connections are there
        at_intervals(pushes, interval, posters.give)
        posters.finish()
        commits = {push.commit: push for push in pushes}

        def ended():
            found = {job["commitId"]: job for job in self.server.all("jobs") if job["commitId"] in commits}
            failed = [job for job in found.values() if job["state"] in ("failed", "lost")]
            if failed:
                raise RuntimeError(f"a job failed: {failed[0]}")
            return found if len(found) == len(pushes) and all(j["state"] == "succeeded" for j in found.values()) else None

        jobs = eventually("all jobs to end", ended, 60 + 2 * len(pushes), 0.2)
        self._note_times(commits, jobs)

    def _note_times(self, commits, jobs):
        objects = {}
        for page in self.sandbox.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            objects.update({o["Key"]: o["LastModified"].timestamp() for o in page.get("Contents", [])})
        started = {t["pipelineExecutionId"]: (seconds_of(d["receivedAt"]), seconds_of(t["startedAt"]))
                   for d in self.server.all("deliveries") for t in d["triggers"] if t["state"] == "started"}
        for commit, push in commits.items():
            job = jobs[commit]
            push.done = objects[job["artifact"]["key"]]
            received, began = started[job["pipelineExecutionId"]]
            claimed = seconds_of(job["claimedAt"])
            push.steps = {"until stored": received - push.posted, "until started": began - received,
                          "until claimed": claimed - began, **job["phases"], "all after the claim": push.done - claimed,
                          "until reported": seconds_of(job["finishedAt"]) - push.done}


class ChainContender:
    """Processes one after the other for each push, four pushes at a time."""

    def __init__(self, directory, services, environment, sandbox):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.environment = {**os.environ, **sandbox.environment, **environment}
        self._endpoint, self._counter = sandbox.url, 0
        self._secret = f"{sandbox.environment['AWS_ACCESS_KEY_ID']}:{sandbox.environment['AWS_SECRET_ACCESS_KEY']}"
        self._lock = threading.Lock()

    def close(self):
        shutil.rmtree(self.directory)

    @staticmethod
    def cpu():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def _call(self, push, name, argv, cwd=None):
        began = time.monotonic()
        done = subprocess.run([str(a) for a in argv], cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[:3]} ended with {done.returncode}: {(done.stderr + done.stdout)[-500:]}")
        push.steps[name] = time.monotonic() - began

    def _work(self, _, push):
        push.answered = time.time()
        with self._lock:
            self._counter += 1
            folder = self.directory / str(self._counter)
        folder.mkdir()
        self.make(push, folder, f"{type(self).__name__}/{push.commit}.zip")
        push.done = time.time()
        shutil.rmtree(folder)

    def run(self, pushes, interval):
        workers = Threads(CONCURRENCY, self._work)
        at_intervals(pushes, interval, workers.give)
        workers.finish()


class TodayContender(ChainContender):
    def make(self, push, folder, key):
        work, output = folder / "work", folder / "out.zip"
        self._call(push, "clone", ["git", "clone", "-q", push.service.url, work])
        self._call(push, "checkout", ["git", "-C", work, "checkout", "-q", push.commit])
        self._call(push, "zip", ["zip", "-qr", output, ".", "-x", ".git/*"], work)
        self._call(push, "upload", [AWS, "s3", "cp", "--quiet", "--sse", "aws:kms", "--endpoint-url", self._endpoint, output,
                                    f"s3://{BUCKET}/{key}"])


class MirrorContender(ChainContender):
    """What somebody could write who knows git well."""

    def make(self, push, folder, key):
        mirror, output = self.directory / push.service.name, folder / "out.zip"
        with push.service.lock:
            if not mirror.exists():
                self._call(push, "init", ["git", "init", "-q", "--bare", mirror])
            self._call(push, "fetch", ["git", "-C", mirror, "-c", "gc.auto=0", "fetch", "-q", "--depth=1", "--no-tags",
                                       push.service.url, f"+{push.commit}:refs/heads/x{push.commit}"])
        self._call(push, "zip", ["git", "-C", mirror, "archive", "--format=zip", "-o", output, push.commit])
        self._call(push, "upload", ["curl", "-sS", "--fail", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", self._secret,
                                    "-H", "x-amz-server-side-encryption:aws:kms",
                                    "-H", "x-amz-content-sha256:UNSIGNED-PAYLOAD", "-T", output,
                                    f"{self._endpoint}/{BUCKET}/{key}"])


def summary(pushes, cpu):
    latencies = [push.latency for push in pushes]
    names = list(dict.fromkeys(name for push in pushes for name in push.steps))
    seconds = max(push.done for push in pushes) - min(push.posted for push in pushes)
    return {"pushes": len(pushes), "p50": machine.quantile(latencies, 0.5), "p90": machine.quantile(latencies, 0.9),
            "p99": machine.quantile(latencies, 0.99), "max": max(latencies), "seconds": seconds,
            "jobsPerSecond": len(pushes) / seconds, "cpuPerPush": cpu / len(pushes),
            "steps": {name: {"p50": machine.quantile([p.steps.get(name, 0.0) for p in pushes], 0.5),
                             "p99": machine.quantile([p.steps.get(name, 0.0) for p in pushes], 0.99)} for name in names}}


def measure(contender, pushes, interval):
    before = contender.cpu()
    contender.run(pushes, interval)
    return summary(pushes, contender.cpu() - before) | {"interval": interval}


def print_block(title, cells):
    print(f"\n{title}")
    print(f"{'':44}{'p50 ms':>9}{'p99 ms':>9}{'pushes/s':>10}{'Penstock is':>13}{'CPU ms':>9}")
    for name, cell in cells.items():
        ratio = ""
        if name != "penstock" and "penstock" in cells:
            ratio = f"{cell['p50'] / cells['penstock']['p50']:.1f}x"
        print(f"{CONTENDERS[name]:44}{1e3 * cell['p50']:9.0f}{1e3 * cell['p99']:9.0f}{cell['jobsPerSecond']:10.1f}{ratio:>13}"
              f"{1e3 * cell['cpuPerPush']:9.0f}")
    for name, cell in cells.items():
        steps = ", ".join(f"{step} {1e3 * times['p50']:.0f}" for step, times in cell["steps"].items())
        print(f"  {CONTENDERS[name]}, medians in ms: {steps}")
    sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh push", description=__doc__)
    parser.add_argument("--pushes", type=int, default=100, help="of each measurement")
    parser.add_argument("--repositories", type=int, default=20)
    parser.add_argument("--interval", type=float, default=0.1, help="seconds between paced pushes")
    parser.add_argument("--slow-interval", type=float, default=1.0, help="the same for the way of today, which falls behind")
    parser.add_argument("--contender", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--poll-idle", help="pollInterval.idle, for instance 1s; default: Penstock's")
    parser.add_argument("--poll-busy", help="pollInterval.busy; default: Penstock's")
    parser.add_argument("--directory", help="where to make the temporary folder (default: build/)")
    parser.add_argument("--output", default=str(RESULTS))
    return parser.parse_args()


def main():
    options = arguments()
    parent = Path(options.directory or ROOT / "build")
    shape = repositories.SHAPES["small"]
    result = {"commit": machine.commit(), "machine": machine.facts(parent), "pushes": options.pushes,
              "repositories": options.repositories, "concurrency": CONCURRENCY, "blocks": {}}
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="push-", dir=parent)))
        authority = CertificateAuthority(directory / "ca")
        original = repositories.make(shape, parent / "bench-repositories")
        root = directory / "repositories"
        git = GitHttpServer(directory / "nginx", root, authority.issue("git"), GIT_PASSWORD)
        stack.callback(git.close)
        services = [Service(number, original, root, git.https_url) for number in range(options.repositories)]
        sandbox = Sandbox(directory / "sandbox")
        stack.callback(sandbox.close)
        sandbox.create_bucket()
        sandbox.create_action_type()
        for service in services:
            sandbox.create_pipeline(service.name, repository=service.name, mode="PARALLEL")
        login = {"GIT_SSL_CAINFO": str(authority.certificate), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
                 "GIT_CONFIG_COUNT": "1",
                 "GIT_CONFIG_KEY_0": "url." + git.https_url.replace("://", f"://pat:{GIT_PASSWORD}@") + ".insteadOf",
                 "GIT_CONFIG_VALUE_0": git.https_url}
        poll = {name: value for name, value in (("idle", options.poll_idle), ("busy", options.poll_busy)) if value}
        for name in options.contender:
            if name == "penstock":
                contender = PenstockContender(directory / "penstock", services, authority, sandbox, git.https_url, poll)
            else:
                made = {"mirror": MirrorContender, "today": TodayContender}[name]
                contender = made(directory / name, services, login, sandbox)
            try:
                interval = options.slow_interval if name == "today" else options.interval
                paced = f"one push each {options.interval:g} s"
                for title, count, pause in (("first pushes, one repository each, all at once", len(services), 0),
                                            (paced, options.pushes, interval), ("all at once", options.pushes, 0)):
                    cell = measure(contender, prepare(services, count), pause)
                    result["blocks"].setdefault(title, {})[name] = cell
            finally:
                contender.close()
    print(f"{options.repositories} repositories of {shape.files} files, {shape.megabytes} MB and {shape.commits} commits; "
          f"{CONCURRENCY} jobs at a time")
    for title, cells in result["blocks"].items():
        print_block(f"{title}, {next(iter(cells.values()))['pushes']} pushes", cells)
    print("\nFrom the webhook's POST until the artifact is in S3. \"Penstock is\": how many times faster its median is. CPU: user "
          "and\nsystem time for each push, children included; the git server and the sandbox run on the same cores.")
    if "today" in options.contender:
        print(f"The way of today falls behind at that pace; it got one push each {options.slow_interval:g} s.")
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    Path(options.output).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
