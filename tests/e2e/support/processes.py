"""Child processes that cannot outlive the test run, and ports for them."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A port that was free a moment ago, for programs that cannot be told port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, check, timeout=30.0, interval=0.05):
    """Calls `check` until it returns something true and returns that; fails naming `what` and the last value."""
    deadline = time.monotonic() + timeout
    value = None
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout:g} s; last seen: {value!r}")
        time.sleep(interval)


class Process:
    """A running program with its output in a log file; a context manager that kills it, and its children, at the end."""

    def __init__(self, argv, log, env=None, cwd=None):
        self.argv = [str(argument) for argument in argv]
        self.log_path = Path(log)
        self._log = open(self.log_path, "ab")
        self._popen = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=env, cwd=cwd,
            start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._popen.pid

    @property
    def returncode(self):
        return self._popen.poll()

    @property
    def running(self):
        return self._popen.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def signal(self, number):
        if self.running:
            self._popen.send_signal(number)

    def wait(self, timeout):
        return self._popen.wait(timeout)

    def terminate(self, timeout=30.0):
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """kill -9 of the process alone, as a crash would be; its children are left to notice."""
        self.signal(signal.SIGKILL)
        self._popen.wait(10)

    def close(self):
        try:
            os.killpg(self._popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait(10)
        self._log.close()

    def expect_running(self):
        if not self.running:
            raise AssertionError(f"{self.argv[0]} ended with {self.returncode}:\n{self.log()[-4000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
