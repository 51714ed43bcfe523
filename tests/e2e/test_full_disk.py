"""A disk that fills up: 503 while it is full, 200 once there is space, no restart, nothing answered 200 lost.

The disk is a small tmpfs, for which one has to be root. Who is not gets a limit on the size of files instead, which
fails the same writes.
"""

import contextlib
import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support import payloads
from support.penstock import webhook
from support.processes import eventually

MEGABYTES = 64
PADDING = "x" * 8_000


class SmallDisk:
    """A tmpfs that can be filled."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0755", "penstock-test", directory], check=True,
                       capture_output=True)

    def fill(self, _):
        with open(self.directory / "filler", "ab", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"\0" * size)

    def free(self, _):
        (self.directory / "filler").unlink()

    def close(self):
        subprocess.run(["umount", "--lazy", self.directory], check=False, capture_output=True)


class LimitedFiles:
    """No file of the server may grow beyond a size that all have reached."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()

    def fill(self, pid):
        size = (self.directory / "data/history.db").stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self, pid):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self):
        pass


@pytest.fixture
def disk(tmp_path):
    directory = tmp_path / "disk"
    try:
        made = SmallDisk(directory)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        print(f"mounting a tmpfs was refused ({getattr(error, 'stderr', error)!r}): a limit on the size of files instead")
        shutil.rmtree(directory)
        made = LimitedFiles(directory)
    yield made
    made.close()


class Sender(threading.Thread):
    """Sends pushes one after another, each again until it is answered 200, as Azure DevOps does."""

    def __init__(self, penstock):
        super().__init__(daemon=True)
        self.penstock = penstock
        self.stop = threading.Event()
        self.accepted, self.problems = [], []
        self.put_off = 0

    def run(self):
        try:
            while not self.stop.is_set():
                push = a_push()
                while not self.stop.is_set() and not self.post(push):
                    time.sleep(0.05)
                time.sleep(0.02)  # what is accepted must not fill the disk by itself
        except Exception as error:  # shown by the test
            self.problems.append(repr(error))

    def post(self, push):
        began = time.monotonic()
        answer = self.penstock.post_hook(push, timeout=60)
        taken = time.monotonic() - began
        if taken > 16:
            self.problems.append(f"{answer.status} after {taken:.1f} s")
        if answer.status == 503:
            if not answer.headers.get("retry-after", "").isdigit():
                self.problems.append(f"503 without Retry-After: {answer.headers}")
            self.put_off += 1
            return False
        if answer.status != 200:
            self.problems.append(f"{answer.status}: {answer.text}")
        else:
            self.accepted.append(answer.json()["deliveryId"])
        return True


def a_push():
    return {**payloads.push([payloads.ref_update("main", "0f" * 20)]), "padding": PADDING}


def test_disk_that_fills_up_again_and_again(make_penstock, disk):
    penstock = make_penstock([webhook("none", "none", actionConfiguration={"Branch": "nobody"})], workers=[],
                             dataDirectory=str(disk.directory / "data")).start()
    pid = penstock.process.pid
    senders = [Sender(penstock) for _ in range(3)]
    for sender in senders:
        sender.start()

    def total(name):
        found = [getattr(sender, name) for sender in senders]
        return sum(found) if name == "put_off" else sum(map(len, found))

    try:
        for _ in range(3):
            before = total("accepted")
            eventually("pushes to be accepted", lambda: total("accepted") >= before + 20)
            disk.fill(pid)
            before = total("put_off")
            eventually("503 while the disk is full", lambda: total("put_off") >= before + 20, 60)
            # What is there can be read, and the probe says what is wrong.
            assert penstock.get("/api/v1/deliveries", limit=1).status == 200
            assert penstock.request("GET", "/healthz").status == 200
            eventually("/readyz to fail", lambda: penstock.request("GET", "/readyz").status == 503)
            disk.free(pid)
            before = total("accepted")
            eventually("200 once there is space", lambda: total("accepted") >= before + 4, 30)
            eventually("/readyz to recover", lambda: "store" not in failing(penstock))
    finally:
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join(60)
    problems = [problem for sender in senders for problem in sender.problems]
    assert not problems, problems[:5]
    assert penstock.process.running and penstock.process.pid == pid
    accepted = {identifier for sender in senders for identifier in sender.accepted}
    print(f"{len(accepted)} accepted, {total('put_off')} times 503")
    assert accepted <= {d["id"] for d in penstock.all("deliveries")}
    # Also what was stored around the moments of failure outlives a crash.
    penstock.process.kill()
    penstock.start()
    assert accepted <= {d["id"] for d in penstock.all("deliveries")}
    penstock.process.kill()
    with contextlib.closing(sqlite3.connect(disk.directory / "data/history.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def failing(penstock):
    answer = penstock.request("GET", "/readyz")
    return answer.text if answer.status != 200 else ""


def test_start_on_a_full_disk(make_penstock, disk):
    """It starts and says 503, or says why it does not start; with space it starts."""
    if isinstance(disk, LimitedFiles):
        os.makedirs(disk.directory / "data")
    penstock = make_penstock([], workers=[], dataDirectory=str(disk.directory / "data"))
    if isinstance(disk, SmallDisk):
        disk.fill(None)
        penstock.start(wait=False)

        def decided():
            if not penstock.process.running:
                return "ended"
            with contextlib.suppress(OSError):
                return penstock.post_hook(a_push()).status
            return None
        found = eventually("a start on a full disk to be decided", decided, 30)
        if found == "ended":
            assert penstock.process.returncode == 1, penstock.log()
            assert os.strerror(errno.ENOSPC).lower() in penstock.log().lower() or "full" in penstock.log(), penstock.log()
        else:
            assert found == 503
        disk.free(None)
    penstock.start()
    assert penstock.post_hook(a_push()).status == 200
