#!/usr/bin/env python3
"""Half of what the server can take, for a while, with retention running: does its memory stay flat?"""

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import load
import machine
import servers

RESULTS = servers.ROOT / "bench/results/soak.json"
MATCHING = 50  # one push in so many starts a pipeline
FLAT = 0.05  # in ten minutes memory may grow by this share
SHORTEST = 5  # minutes, below which caches that fill are all there is to see


def slope(samples):
    """Least squares of (seconds, bytes), in bytes per second."""
    count = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / count, sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--retention", default="60s")
    parser.add_argument("--rate", type=float, help="requests per second (default: half of what is measured first)")
    parser.add_argument("--interval", type=float, default=30, help="seconds between two lines")
    parser.add_argument("--directory", help="where to make the temporary folder; must be a real disk (default: build/)")
    parser.add_argument("--output", default=str(RESULTS))
    return parser.parse_args()


class Soak:
    def __init__(self, directory, certificate, aws_url, options):
        self.directory, self.certificate, self.aws_url, self.options = directory, certificate, aws_url, options
        other = load.encode(load.push(load.OTHER_REPOSITORY))
        self.bodies = [load.encode(load.push(load.REPOSITORY))] + [other] * (MATCHING - 1)

    def start(self, name):
        server = servers.Penstock(self.directory / name, self.certificate, 20, self.aws_url,
                                  {"retention": self.options.retention})
        server.wait_until_ready()
        return server, load.Load(server.directory, self.bodies)

    def capacity(self):
        server, sender = self.start("capacity")
        with server:
            sender.run(server.url, self.options.connections, 2)
            run = sender.run(server.url, self.options.connections, 8)
        shutil.rmtree(server.directory)
        if run.failed:
            sys.exit(f"soak: measuring the capacity: requests failed: {run.errors}")
        return run.requests / run.seconds

    def run(self, rate):
        server, sender = self.start("soak")
        finished = []
        with server:
            def send():
                finished.append(sender.run(server.url, self.options.connections, int(self.options.minutes * 60), rate))
            sending = threading.Thread(target=send)
            began, cpu = time.monotonic(), machine.cpu_seconds(server.group)
            sending.start()
            samples = []
            print(f"{'minutes':>8}{'RSS MB':>9}{'database MB':>13}{'WAL MB':>8}{'cores':>7}")
            while sending.is_alive():
                sending.join(self.options.interval)
                now, spent = time.monotonic() - began, machine.cpu_seconds(server.group)
                sample = {"seconds": now, "residentBytes": machine.resident_memory(server.pid),
                          "databaseBytes": self.size(server, "history.db"), "walBytes": self.size(server, "history.db-wal"),
                          "cpuSeconds": spent - cpu}
                last = samples[-1] if samples else {"seconds": 0, "cpuSeconds": 0}
                cores = (sample["cpuSeconds"] - last["cpuSeconds"]) / max(0.001, now - last["seconds"])
                print(f"{now / 60:8.1f}{sample['residentBytes'] / 1e6:9.1f}{sample['databaseBytes'] / 1e6:13.1f}"
                      f"{sample['walBytes'] / 1e6:8.1f}{cores:7.2f}", flush=True)
                samples.append(sample)
        if not finished:
            sys.exit("soak: the load generator failed")
        return finished[0], samples

    @staticmethod
    def size(server, name):
        path = server.directory / "data" / name
        return path.stat().st_size if path.exists() else 0


def main():
    options = arguments()
    parent = Path(options.directory or servers.ROOT / "build")
    if machine.filesystem(parent) in ("tmpfs", "ramfs"):
        sys.exit(f"soak: {parent} is in memory; name a folder on a disk with --directory")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", dir=parent)))
        aws = stack.enter_context(servers.answering_endpoint(directory / "aws"))
        soak = Soak(directory, servers.make_certificate(directory), aws.url, options)
        rate = options.rate
        if not rate:
            capacity = soak.capacity()
            rate = capacity / 2
            print(f"capacity over HTTPS with {options.connections} connections: {capacity:,.0f} requests/s")
        print(f"{rate:,.0f} requests/s for {options.minutes:g} minutes, retention {options.retention}; one push in {MATCHING} "
              "starts a pipeline", flush=True)
        run, samples = soak.run(rate)
    # Caches and thread arenas fill in the beginning.
    settled = [(s["seconds"], s["residentBytes"]) for s in samples if s["seconds"] > samples[-1]["seconds"] / 3]
    growth = slope(settled)
    level = sum(y for _, y in settled) / len(settled)
    flat = growth * 600 < FLAT * level
    verdict = "flat" if flat else "GROWING"
    if options.minutes < SHORTEST:
        flat, verdict = None, "too short to tell"
    print(f"{run.requests / run.seconds:,.0f} requests/s, p50 {run.latencies['p50'] / 1000:.2f} ms, "
          f"p99 {run.latencies['p99'] / 1000:.2f} ms, max {run.latencies['max'] / 1000:.0f} ms, {run.failed} failed")
    print(f"memory: {level / 1e6:.1f} MB on average, slope {growth * 60 / 1e3:+.1f} KB/minute over the last two thirds: "
          f"{verdict}")
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    Path(options.output).write_text(json.dumps({
        "commit": machine.commit(), "machine": machine.facts(parent), "rate": rate, "requests": run.requests,
        "seconds": run.seconds, "microseconds": run.latencies, "errors": run.errors, "retention": options.retention,
        "slopeBytesPerSecond": growth, "flat": flat, "samples": samples}, indent=1) + "\n")
    if run.failed or flat is False:
        sys.exit(1)


if __name__ == "__main__":
    main()
