#!/usr/bin/env python3
"""From a repository on a git server to a zip file: what is used today against `penstock artifact`, alternately."""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("PENSTOCK_BUILD", str(ROOT / "build/release"))
sys.path[:0] = [str(HERE.parent / "ingest"), str(ROOT / "tests/e2e")]

import machine  # noqa: E402
import repositories  # noqa: E402
from support.certificates import CertificateAuthority  # noqa: E402
from support.git_servers import GitHttpServer, GitSshServer  # noqa: E402
from support.penstock import GIT_PASSWORD, PROGRAM, base_configuration  # noqa: E402

RESULTS = ROOT / "bench/results/artifact.json"
ROUNDS = {"small": 5, "medium": 3, "large": 2, "huge": 1}


class Step:
    """A program run to its end: wall and processor time with its children, and the most anonymous memory it had itself."""

    def __init__(self, argv, cwd, env):
        self.peak_anonymous = 0
        began = time.monotonic()
        process = subprocess.Popen([str(a) for a in argv], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        sampler = threading.Thread(target=self._sample, args=(process.pid,), daemon=True)
        self._running = True
        sampler.start()
        errors = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()), daemon=True)
        reader.start()
        self.output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        self._running = False
        sampler.join()
        reader.join()
        self.cpu = usage.ru_utime + usage.ru_stime
        if process.returncode != 0:
            raise RuntimeError(f"{argv[:3]} ended with {process.returncode}: {errors[0].decode(errors='replace')[-500:]}")

    def _sample(self, pid):
        while self._running:
            with contextlib.suppress(OSError, ValueError, IndexError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        self.peak_anonymous = max(self.peak_anonymous, int(line.split()[1]) * 1024)
            time.sleep(0.004)


class Bench:
    def __init__(self, directory, url, environment, configuration, credentials):
        self.directory = Path(directory)
        self.url, self.environment = url, {**os.environ, **environment}
        self._options = ["--config", configuration, "--credentials", credentials]
        self.work = self.directory / "work"
        self.cache = self.directory / "cache"
        self.output = self.directory / "out.zip"
        self.penstock_output = None  # of the last round, for copy()

    def _clean(self):
        shutil.rmtree(self.work, ignore_errors=True)
        self.output.unlink(missing_ok=True)

    def _git(self, *arguments, cwd=None):
        return Step(["git", *arguments], cwd, self.environment)

    # Each returns its steps; the output is in self.output afterwards.

    def today(self, commit):
        return [self._git("clone", "-q", self.url, self.work), self._git("-C", self.work, "checkout", "-q", commit),
                Step(["zip", "-qr", self.output, ".", "-x", ".git/*"], self.work, self.environment)]

    def depth_1(self, _):
        return [self._git("clone", "-q", "--depth", "1", self.url, self.work),
                Step(["zip", "-qry", self.output, ".", "-x", ".git/*"], self.work, self.environment)]

    def archive(self, commit):
        return [self._git("clone", "-q", "--bare", "--depth", "1", self.url, self.work),
                self._git("-C", self.work, "archive", "--format=zip", "-o", self.output, commit)]

    def penstock(self, commit):
        return [Step([PROGRAM, "artifact", "--repository", self.url, "--revision", commit, "--output", self.output,
                      "--cache", self.cache, *self._options], None, self.environment)]

    def cold(self, commit):
        shutil.rmtree(self.cache, ignore_errors=True)
        return self.penstock(commit)

    def copy(self, _):
        other = self.directory / "other.zip"
        self.penstock_output.replace(self.output)
        steps = [Step(["cp", self.output, other], None, self.environment)]
        other.unlink()
        return steps

    def run(self, contender, commit):
        self._clean()
        # What others left to be written is not this one's.
        os.sync()
        steps = getattr(self, contender)(commit)
        return {"seconds": sum(s.seconds for s in steps), "cpu": sum(s.cpu for s in steps),
                "peakAnonymous": max(s.peak_anonymous for s in steps), "bytes": self.output.stat().st_size}


CONTENDERS = {
    "today": "git clone; git checkout; zip -r",
    "depth_1": "git clone --depth 1; zip -ry",
    "archive": "git clone --bare --depth 1; git archive",
    "cold": "Penstock, nothing there yet",
    "warm": "Penstock, three files later",
    "copy": "cp of the zip file",
}


def contents_of(path):
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: (entry.CRC, entry.external_attr >> 16) for entry in archive.infolist()
                if not entry.is_dir()}


def measure(bench, checkout, rounds, contenders):
    found = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders)
        for name in names[number % len(names):] + names[:number % len(names)]:
            if name == "copy":
                continue
            if name == "warm":
                if not bench.cache.exists():
                    bench.run("penstock", checkout.head)
                commit = checkout.push_three_files()
                found[name].append(bench.run("penstock", commit))
            else:
                found[name].append(bench.run(name, checkout.head))
            if name in ("cold", "warm"):
                bench.penstock_output = bench.directory / "kept.zip"
                shutil.copyfile(bench.output, bench.penstock_output)
        if "copy" in names and bench.penstock_output:
            found["copy"].append(bench.run("copy", None))
            bench.output.replace(bench.penstock_output)
    # What is measured is the same work.
    bench.run("penstock", checkout.head)
    ours = contents_of(bench.output)
    bench.run("archive", checkout.head)
    theirs = contents_of(bench.output)
    assert {n: c for n, (c, _) in ours.items()} == {n: c for n, (c, _) in theirs.items()}, "the artifacts differ"
    return {name: {key: machine.median([cell[key] for cell in cells]) for key in cells[0]} | {"rounds": cells}
            for name, cells in found.items() if cells}


def print_table(title, found):
    print(f"\n{title}")
    print(f"{'':42}{'seconds':>9}{'cold is':>9}{'warm is':>9}{'CPU s':>8}{'anon MB':>9}{'zip MB':>8}")
    for name, cell in found.items():
        ratios = [f"{cell['seconds'] / found[ours]['seconds']:.1f}x" if ours in found and name != ours else ""
                  for ours in ("cold", "warm")]
        print(f"{CONTENDERS[name]:42}{cell['seconds']:9.3f}{ratios[0]:>9}{ratios[1]:>9}{cell['cpu']:8.2f}"
              f"{cell['peakAnonymous'] / 1e6:9.0f}{cell['bytes'] / 1e6:8.1f}")
    sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh artifact", description=__doc__)
    parser.add_argument("--shape", nargs="+", choices=list(repositories.SHAPES), default=["small", "medium", "large"])
    parser.add_argument("--transport", nargs="+", choices=["https", "ssh"], default=["https"])
    parser.add_argument("--contender", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--directory", help="where to make the temporary folder (default: build/)")
    parser.add_argument("--output", default=str(RESULTS))
    return parser.parse_args()


def main():
    options = arguments()
    parent = Path(options.directory or ROOT / "build")
    result = {"commit": machine.commit(), "machine": machine.facts(parent), "blocks": []}
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="artifact-", dir=parent)))
        authority = CertificateAuthority(directory / "ca")
        root = directory / "repositories"
        http = GitHttpServer(directory / "nginx", root, authority.issue("git"), GIT_PASSWORD)
        stack.callback(http.close)
        ssh = GitSshServer(directory / "sshd", root)
        stack.callback(ssh.close)
        known_hosts = directory / "known_hosts"
        known_hosts.write_text(ssh.known_hosts())
        configuration = base_configuration(directory, "https://unused.example/{Repo}")
        configuration["credentials"]["ssh"] = {"type": "SSH_KEY", "privateKey": {"secret": f"file:{ssh.private_key}"},
                                               "knownHosts": f"file:{known_hosts}"}
        config_file = directory / "penstock.yaml"
        config_file.write_text(json.dumps(configuration))
        environment = {"GIT_SSL_CAINFO": str(authority.certificate), "SSL_CERT_FILE": str(authority.certificate),
                       "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0", "HOOK_PASSWORD": "unused",
                       "API_TOKEN": "unused", "READ_ONLY_TOKEN": "unused", "GIT_PASSWORD": GIT_PASSWORD}
        for name in options.shape:
            shape = repositories.SHAPES[name]
            print(f"{name}: {shape.files:,} files, {shape.megabytes} MB, {shape.commits:,} commits", flush=True)
            original = repositories.make(shape, parent / "bench-repositories")
            for transport in options.transport:
                checkout = repositories.Checkout(original, root / "o" / "p" / "_git" / f"{name}-{transport}")
                if transport == "https":
                    url = f"{http.https_url}/o/p/_git/{name}-https"
                    variables = {**environment, "GIT_CONFIG_COUNT": "1",
                                 "GIT_CONFIG_KEY_0": "url." + url.replace("://", f"://pat:{GIT_PASSWORD}@") + ".insteadOf",
                                 "GIT_CONFIG_VALUE_0": url}
                    credentials = "azure"
                else:
                    url = f"{ssh.url}/o/p/_git/{name}-ssh"
                    variables = {**environment, "GIT_SSH_COMMAND": f"ssh -i {ssh.private_key} -o IdentitiesOnly=yes -o "
                                                                    f"UserKnownHostsFile={known_hosts} -F /dev/null"}
                    credentials = "ssh"
                bench = Bench(directory / "cell", url, variables, config_file, credentials)
                bench.directory.mkdir(exist_ok=True)
                rounds = options.rounds or ROUNDS[name]
                found = measure(bench, checkout, rounds, options.contender)
                print_table(f"{name} over {transport}, medians of {rounds}", found)
                result["blocks"].append({"shape": name, "transport": transport, "contenders": found})
                shutil.rmtree(bench.directory)
                shutil.rmtree(checkout.path)
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    Path(options.output).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
