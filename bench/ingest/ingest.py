#!/usr/bin/env python3
"""How fast pushes are received and put on disk, against adnanh/webhook and nginx, alternately in one run."""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import load
import machine
import servers

RESULTS = servers.ROOT / "bench/results/ingest.json"
PATIENCE = 20  # seconds for what a server still does after its answers


@dataclass(frozen=True)
class Contender:
    name: str
    what: str
    start: Callable  # (directory, certificate, aws url) -> Server
    check: Callable = lambda server, answer, run: ""  # after its end: what is wrong with what it did
    runs_commands: bool = False  # one for each request


def _penstock(definitions):
    def start(directory, certificate, aws_url):
        return servers.Penstock(directory, certificate, definitions, aws_url)
    return start


def _expect_stored(outcome):
    def check(server, answer, answered):
        if json.loads(answer)["outcome"] != outcome:
            return f"answered {answer}"
        stored = server.stored().get(outcome, 0)
        return f"answered {answered} pushes and stored {stored}" if stored < answered else ""
    return check


def _webhook(repository, command, waits_for_command=False, passes_payload=False):
    def start(directory, certificate, _):
        return servers.AdnanhWebhook(directory, certificate, repository, command, waits_for_command, passes_payload)
    return start


def _expect_kept(server, answer, answered):
    stored = server.stored()
    return f"answered {answered} pushes and kept {stored}: {answer}" if stored < answered or "stored" not in answer else ""


PENSTOCK, PEER = "penstock-20", "webhook"
CONTENDERS = [
    Contender(PENSTOCK, "Penstock, 20 webhooks, one matches", _penstock(20), _expect_stored("triggered")),
    Contender("penstock-300", "Penstock, 300 webhooks, one matches", _penstock(300), _expect_stored("triggered")),
    Contender(PEER, "adnanh/webhook, runs /bin/true, then answers", _webhook(load.REPOSITORY, "/bin/true", True),
              runs_commands=True),
    Contender("webhook-early", "adnanh/webhook, answers, then /bin/true", _webhook(load.REPOSITORY, "/bin/true"),
              runs_commands=True),
    Contender("webhook-none", "adnanh/webhook, rule does not match", _webhook(load.OTHER_REPOSITORY, "/bin/true")),
    Contender("webhook-durable", "adnanh/webhook, its hook writes and syncs",
              _webhook(load.REPOSITORY, servers.BUILD / "keep_payload", True, True), _expect_kept),
    Contender("nginx", "nginx, return 200", lambda directory, certificate, _: servers.nginx(directory, certificate)),
]


def measure(contender, directory, certificate, aws_url, connections, options):
    """One cell: a fresh server, a short warm-up, the measurement, and whether it did what it answered."""
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        server = stack.enter_context(contender.start(directory, certificate, aws_url))
        answer = server.wait_until_ready()
        sender = load.Load(directory, [load.encode(load.push(load.REPOSITORY))])
        warm_up = sender.run(server.url, connections, options.warm_up)
        machine.wait_until_idle(server.group, PATIENCE)
        cpu, started = machine.cpu_seconds(server.group), machine.processes_started()
        run = sender.run(server.url, connections, options.seconds)
        # What was answered may still have to be done, as when a hook is run after the answer.
        machine.wait_until_idle(server.group, PATIENCE)
        cpu = machine.cpu_seconds(server.group) - cpu
        started = machine.processes_started() - started
        peak = machine.peak_memory(server.group)
        log = server.log()
        server.close()
        problem = contender.check(server, answer, warm_up.requests + run.requests)
    if warm_up.failed or run.failed:
        problem = f"{run.failed + warm_up.failed} requests failed: {run.errors}; its log ends with: {log[-500:]}"
    return {
        "requestsPerSecond": run.requests / run.seconds, "requests": run.requests, "microseconds": run.latencies,
        "cpuMicrosecondsPerRequest": cpu / max(1, run.requests) * 1e6,
        "loadCpuMicrosecondsPerRequest": run.cpu_seconds / max(1, run.requests) * 1e6,
        "peakBytes": peak, "problem": problem,
        "commandsPerRequest": min(1.0, started / max(1, run.requests)) if contender.runs_commands else None,
    }


def summary(rounds):
    """Medians of what was measured in several rounds."""
    return {
        "requestsPerSecond": machine.median([r["requestsPerSecond"] for r in rounds]),
        "microseconds": {k: machine.median([r["microseconds"][k] for r in rounds]) for k in rounds[0]["microseconds"]},
        "cpuMicrosecondsPerRequest": machine.median([r["cpuMicrosecondsPerRequest"] for r in rounds]),
        "loadCpuMicrosecondsPerRequest": machine.median([r["loadCpuMicrosecondsPerRequest"] for r in rounds]),
        "peakBytes": max(r["peakBytes"] for r in rounds),
        "commandsPerRequest": min((r["commandsPerRequest"] for r in rounds if r["commandsPerRequest"] is not None),
                                  default=None),
        "problems": [r["problem"] for r in rounds if r["problem"]],
    }


def print_block(protocol, connections, found):
    """A table of what was found in one protocol with one number of connections."""
    base = found.get(PENSTOCK, {}).get("requestsPerSecond")
    print(f"\n{protocol.upper()}, {connections} connection{'s' if connections > 1 else ''}")
    print(f"{'':46}{'requests/s':>11}{'Penstock is':>13}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>8}{'peak MB':>9}{'load us':>9}")
    for contender in CONTENDERS:
        cell = found.get(contender.name)
        if cell is None:
            continue
        rate = cell["requestsPerSecond"]
        # With next to no answers there is nothing to compare with.
        ratio = f"{base / rate:.2f}x" if base and rate > 20 and contender.name != PENSTOCK else ""
        print(f"{contender.what:46}{rate:11,.0f}{ratio:>13}{cell['microseconds']['p50'] / 1000:9.2f}"
              f"{cell['microseconds']['p99'] / 1000:9.2f}{cell['cpuMicrosecondsPerRequest']:8.0f}"
              f"{cell['peakBytes'] / 1e6:9.0f}{cell['loadCpuMicrosecondsPerRequest']:9.0f}")
        done = cell["commandsPerRequest"]
        if done is not None and done < 0.98:
            print(f"    answered 200 to all of them and ran the commands of {done:.0%}: there were too many open files")
        for problem in cell["problems"]:
            print(f"    FAILED: {problem}")
    sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh ingest", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round with 16 and 64 connections")
    parser.add_argument("--protocol", nargs="+", choices=["http", "https"], default=["http", "https"])
    parser.add_argument("--connections", nargs="+", type=int)
    parser.add_argument("--contender", nargs="+", choices=[c.name for c in CONTENDERS],
                        default=[c.name for c in CONTENDERS])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of each measurement")
    parser.add_argument("--warm-up", type=int, default=1, help="seconds before each measurement")
    parser.add_argument("--aws", choices=["silent", "answering"], default="silent",
                        help="what the trigger stage of Penstock finds: an endpoint that never answers, so that triggers "
                             "stay pending (default), or one that starts every pipeline")
    parser.add_argument("--directory", help="where to make the temporary folder; must be a real disk (default: build/)")
    parser.add_argument("--output", default=str(RESULTS))
    options = parser.parse_args()
    options.connections = options.connections or ([16, 64] if options.quick else [1, 16, 64, 256])
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2 if options.quick else 5)
    return options


def main():
    options = arguments()
    parent = Path(options.directory or servers.ROOT / "build")
    if machine.filesystem(parent) in ("tmpfs", "ramfs"):
        sys.exit(f"ingest: {parent} is in memory; name a folder on a disk with --directory")
    contenders = [c for c in CONTENDERS if c.name in options.contender]
    cells = len(contenders) * len(options.protocol) * len(options.connections) * options.rounds
    print(f"{cells} measurements of {options.seconds} s, about {cells * (options.seconds + options.warm_up + 2) / 60:.0f} "
          "minutes; keep the machine quiet", flush=True)
    found, syncs = {}, []
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ingest-", dir=parent)))
        certificate = servers.make_certificate(directory)
        if options.aws == "silent":
            aws = stack.enter_context(servers.SilentEndpoint())
        else:
            aws = stack.enter_context(servers.answering_endpoint(directory / "aws"))
        for number in range(options.rounds):
            syncs += machine.sync_latencies(directory)
            for protocol in options.protocol:
                for connections in options.connections:
                    block = found.setdefault((protocol, connections), {})
                    # Each round another one begins, so that none always follows the same one.
                    for contender in contenders[number % len(contenders):] + contenders[:number % len(contenders)]:
                        cell = measure(contender, directory / "cell", certificate if protocol == "https" else None, aws.url,
                                       connections, options)
                        block.setdefault(contender.name, []).append(cell)
                    if number == options.rounds - 1:
                        print_block(protocol, connections, {name: summary(rounds) for name, rounds in block.items()})
    sync = {"p50": machine.quantile(syncs, 0.5), "p99": machine.quantile(syncs, 0.99)}
    facts = machine.facts(parent)
    print(f"\n{facts['cores']} cores ({facts['cpu']}), Linux {facts['kernel']}, {facts['filesystem']}; fdatasync of 4 KB: "
          f"p50 {sync['p50']:.0f} us, p99 {sync['p99']:.0f} us; body {len(load.example())} bytes; medians of "
          f"{options.rounds} round{'s' if options.rounds > 1 else ''}")
    print("\"Penstock is\": its requests per second with 20 webhooks, as a multiple of that line's. CPU: user and system "
          "time of\nthe server and its children per request, also after the answer; load: that of the load generator, on the same cores.")
    result = {
        "commit": machine.commit(), "finishedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": facts,
        "packages": {name: machine.version(name) for name in ("webhook", "nginx-light", "wrk", "libssl3", "libsqlite3-0")},
        "syncMicroseconds": sync, "bodyBytes": len(load.example()), "aws": options.aws, "secondsEach": options.seconds,
        "cells": [{"protocol": protocol, "connections": connections, "contender": name, **summary(rounds),
                   "rounds": rounds} for (protocol, connections), block in found.items() for name, rounds in block.items()],
    }
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    Path(options.output).write_text(json.dumps(result, indent=1) + "\n")
    failed = [(p, c, name) for (p, c), block in found.items() for name, rounds in block.items()
              if any(r["problem"] for r in rounds)]
    if failed:
        sys.exit(f"ingest: {len(failed)} of the cells failed: " + ", ".join(f"{p} {c} {n}" for p, c, n in failed))


if __name__ == "__main__":
    main()
