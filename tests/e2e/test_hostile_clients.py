"""However slow, silent or greedy some clients are, the others are served.

PENSTOCK_E2E_HOSTILE_SECONDS sets how long each attack lasts (8; 30 and more for the record).
"""

import contextlib
import csv
import http.client
import os
import resource
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support import payloads
from support.hostile_clients import HostileClients
from support.penstock import HOOK_PASSWORD, PATIENCE, basic, webhook
from support.processes import eventually
from support.raw import RawConnection, authority as address_of

SECONDS = float(os.environ.get("PENSTOCK_E2E_HOSTILE_SECONDS", "8"))
RATE = 50
SLOWEST = 0.25  # p99 of a normal client, seconds
MEMORY = 200 << 20
CHUNKED = (f"POST /hooks/azure-devops HTTP/1.1\r\nHost: x\r\nAuthorization: {basic('azure', HOOK_PASSWORD)}\r\n"
           "Transfer-Encoding: chunked\r\n\r\n").encode()


@pytest.fixture
def penstock(make_penstock):
    return make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})], log={"level": "info"}).start()


def resident_memory(pid, name="VmRSS"):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) << 10


class NormalClient(threading.Thread):
    """Posts RATE pushes a second on one connection, and one a second on a connection of its own."""

    def __init__(self, penstock, seconds):
        super().__init__(daemon=True)
        self._host, self._port = address_of(penstock.url)
        self._context = ssl.create_default_context(cafile=str(penstock.ca))
        self._seconds = seconds
        self.latencies = []
        self.problems = []

    def run(self):
        kept = self._connect()
        begin = time.monotonic()
        for number in range(int(self._seconds * RATE)):
            due = begin + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            connection = kept if number % RATE else self._connect()
            try:
                self._post(connection)
            except (OSError, http.client.HTTPException) as error:
                self.problems.append(f"request {number}: {error!r}")
                kept.close()
                kept = self._connect()
            # Counted from when it was to be sent: who has to wait for the request before it waits, too.
            self.latencies.append(time.monotonic() - due)
            if connection is not kept:
                connection.close()
        kept.close()

    def _connect(self):
        return http.client.HTTPSConnection(self._host, self._port, timeout=20, context=self._context)

    def _post(self, connection):
        body = payloads.encode(payloads.push([payloads.ref_update("main", "0f" * 20)]))
        connection.request("POST", "/hooks/azure-devops", body, {
            "Authorization": basic("azure", HOOK_PASSWORD), "Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            self.problems.append(f"{answer.status}: {text[:200]}")

    def p99(self):
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


def test_idle_slow_and_deaf_clients(penstock, tmp_path):
    hostile = HostileClients(tmp_path, penstock.url, penstock.ca, idle=1000, slow=200, deaf=50)
    try:
        hostile.wait_until_all_there(PATIENCE)
        client = NormalClient(penstock, SECONDS)
        client.start()
        memory = 0
        while client.is_alive():
            client.join(0.5)
            memory = max(memory, resident_memory(penstock.process.pid))
        state = hostile.state()
    finally:
        hostile.close()
    print(f"{len(client.latencies)} requests, p99 {client.p99() * 1000:.0f} ms, max {max(client.latencies) * 1000:.0f} ms, "
          f"{memory / 1e6:.0f} MB, {state}")
    assert not client.problems, client.problems[:5]
    assert client.p99() < SLOWEST, f"p99 {client.p99():.3f} s"
    assert memory < MEMORY, f"{memory / 1e6:.0f} MB"
    # The attack went on all the time: who was cut off came back.
    assert state["Idle"] >= 950 and state["Slow"] >= 150 and state["Deaf"] >= 40, state
    assert penstock.request("GET", "/healthz").status == 200


def test_endless_body_is_cut_at_the_limit(penstock):
    """4 GB in chunks, sent by someone who looks at the answer meanwhile."""
    before = resident_memory(penstock.process.pid)
    source = subprocess.Popen(["head", "-c", str(4 << 30), "/dev/zero"], stdout=subprocess.PIPE)
    try:
        done = subprocess.run(
            ["curl", "--silent", "--http1.1", "--cacert", penstock.ca, "--max-time", "60", "--request", "POST", "--upload-file",
             "-", "--user", f"azure:{HOOK_PASSWORD}", "--header", "Expect:", "--output", "/dev/null", "--write-out",
             "%{http_code} %{size_upload}", f"{penstock.url}/hooks/azure-devops"],
            stdin=source.stdout, capture_output=True, text=True, check=False)
    finally:
        source.kill()
        source.wait()
        source.stdout.close()
    status, sent = done.stdout.split()
    assert status == "413", (done.stdout, done.stderr)
    assert int(sent) < 256 << 20
    grown = resident_memory(penstock.process.pid, "VmHWM") - before
    print(f"cut after {int(sent) >> 20} MiB, memory grew by {grown / 1e6:.1f} MB")
    assert grown < 32 << 20
    assert penstock.request("GET", "/healthz").status == 200


def test_who_sends_on_after_the_limit_is_cut_off(penstock):
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = 0
    with RawConnection(penstock.url, penstock.ca, timeout=60) as connection:
        connection.send(CHUNKED)
        while sent < 4 << 30 and connection.send(chunk):
            sent += 0x100000
    print(f"cut off after {sent >> 20} MiB")
    assert sent < 1 << 30
    assert resident_memory(penstock.process.pid, "VmHWM") < MEMORY


def test_many_large_bodies_at_once(penstock):
    """Each within the limit; together more than the memory that they may take. Some are put off with 503, none is lost."""
    body = payloads.encode({**payloads.push([payloads.ref_update("main", "0f" * 20)]), "pad": "x" * (3 << 20)})
    head = (f"POST /hooks/azure-devops HTTP/1.1\r\nHost: x\r\nAuthorization: {basic('azure', HOOK_PASSWORD)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    connections = [RawConnection(penstock.url, penstock.ca, timeout=30) for _ in range(60)]
    try:
        for connection in connections:
            connection.send(head + body[:-1])
        statuses = []
        for connection in connections:
            connection.send(body[-1:])
            statuses.append(connection.read().status)
    finally:
        for connection in connections:
            connection.close()
    print(f"{statuses.count(200)} stored, {statuses.count(503)} put off, peak "
          f"{resident_memory(penstock.process.pid, 'VmHWM') / 1e6:.0f} MB")
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 10, statuses
    assert resident_memory(penstock.process.pid, "VmHWM") < 400 << 20


SLOWHTTPTEST = {
    "slow headers": ["-H", "-i", "3", "-x", "24", "-t", "GET"],
    "slow body": ["-B", "-i", "3", "-x", "24", "-s", "8192", "-t", "POST"],
    "slow read": ["-X", "-w", "16", "-y", "64", "-n", "3", "-z", "16", "-k", "3"],
}


@pytest.mark.parametrize("attack", SLOWHTTPTEST, ids=lambda name: name.replace(" ", "-"))
def test_slowhttptest(attack, penstock, tmp_path):
    target = "/hooks/azure-devops" if attack == "slow body" else "/openapi.json"
    seconds = max(6, int(SECONDS) - 2)
    done = subprocess.run(
        ["slowhttptest", "-c", "800", "-r", "400", "-l", str(seconds), "-p", "2", "-g", "-o", tmp_path / "slow", "-u",
         penstock.url + target, *SLOWHTTPTEST[attack]],
        capture_output=True, text=True, timeout=seconds + 60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2))
    rows = list(csv.DictReader((tmp_path / "slow.csv").read_text().splitlines()))
    assert len(rows) >= 4, done.stdout[-2000:] + done.stderr
    columns = {name.strip(): name for name in rows[0]}
    availability = [int(row[columns["Service Available"]]) for row in rows]
    reached = max(int(row[columns["Connected"]]) for row in rows)
    print(f"{attack}: available in {sum(1 for a in availability if a)} of {len(rows)} samples, at most {reached} connected")
    # The first sample is taken before the first probe has been answered.
    assert all(availability[1:]), availability
    assert penstock.post_hook(payloads.push([payloads.ref_update("main", "0f" * 20)])).status == 200


def test_connections_without_a_handshake(penstock):
    """Who connects and never says hello costs next to nothing and is cut off."""
    address = address_of(penstock.url)
    silent = [socket.create_connection(address, 10) for _ in range(500)]
    try:
        began = time.monotonic()
        assert penstock.post_hook(payloads.push([payloads.ref_update("main", "0f" * 20)])).status == 200
        assert time.monotonic() - began < 2

        def closed():
            count = 0
            for connection in silent:
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    try:
                        count += connection.recv(1) == b""
                    except ConnectionError:
                        count += 1
            return count == len(silent)
        eventually("all silent connections to be closed", closed, 40, 0.5)
    finally:
        for connection in silent:
            connection.close()
