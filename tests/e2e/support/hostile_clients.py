"""A process of its own that holds connections which do nothing, send a byte a second, or never read.

Arguments: the URL, the authority's certificate, how many idle, slow and deaf ones. What the server closes is made anew.
Every second prints one line of JSON: how many there are of each kind, and how often one had to be made anew.
"""

import errno
import json
import os
import resource
import select
import signal
import ssl
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.processes import Process, eventually  # noqa: E402
from support.raw import connect  # noqa: E402

SLOW_REQUEST = b"POST /hooks/azure-devops HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\nX-Slow: " + b"a" * 100_000
LARGE_ANSWERS = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Idle:
    receive_buffer = None

    def __init__(self, url, ca):
        self.socket = connect(url, ca, 20, self.receive_buffer)
        self.socket.setblocking(False)

    def act(self):
        """Does the little that it does; raises OSError when the connection is gone."""

    def try_to_send(self, data):
        try:
            return self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return 0

    def fail_if_closed(self):
        readable, _, _ = select.select([self.socket], [], [], 0) if self.socket.fileno() < 1024 else ([self.socket], 0, 0)
        if not readable:
            return
        try:
            if not self.socket.recv(4096):
                raise OSError(errno.ECONNRESET, "closed")
        except (BlockingIOError, ssl.SSLWantReadError):
            pass


class Slow(Idle):
    sent = 0

    def act(self):
        self.fail_if_closed()
        self.sent += self.try_to_send(SLOW_REQUEST[self.sent:self.sent + 1])


class Deaf(Idle):
    receive_buffer = 2048

    def act(self):
        # TLS wants the same bytes again after it could not send them; any prefix of this repeats itself.
        self.try_to_send(LARGE_ANSWERS)


def main():
    url, ca, *counts = sys.argv[1:]
    raise_file_limit()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    wanted = dict(zip((Idle, Slow, Deaf), map(int, counts)))
    held = {kind: [] for kind in wanted}
    renewed = {kind.__name__: 0 for kind in wanted}
    failed = 0
    while True:
        began = time.monotonic()
        for kind, connections in held.items():
            for connection in list(connections):
                try:
                    if kind is Idle:
                        connection.fail_if_closed()
                    connection.act()
                except OSError:
                    connection.socket.close()
                    connections.remove(connection)
                    renewed[kind.__name__] += 1
            while len(connections) < wanted[kind] and time.monotonic() - began < 5:
                try:
                    connections.append(kind(url, ca))
                except OSError:
                    failed += 1
                    time.sleep(0.05)
        print(json.dumps({**{kind.__name__: len(connections) for kind, connections in held.items()}, "renewed": renewed,
                          "failed": failed}), flush=True)
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))


class HostileClients:
    """Runs this file; for tests."""

    def __init__(self, directory, url, ca, idle, slow, deaf):
        self.wanted = {"Idle": idle, "Slow": slow, "Deaf": deaf}
        self.process = Process([sys.executable, "-B", __file__, url, ca, idle, slow, deaf], directory / "hostile.log",
                               env={"PATH": os.environ["PATH"]})

    def state(self):
        self.process.expect_running()
        lines = [line for line in self.process.log().splitlines() if line.startswith("{") and line.endswith("}")]
        return json.loads(lines[-1]) if lines else None

    def wait_until_all_there(self, timeout):
        def there():
            state = self.state()
            return state if state and all(state[k] >= v for k, v in self.wanted.items()) else None
        return eventually("all hostile clients to be connected", there, timeout, 0.2)

    def close(self):
        self.process.close()


if __name__ == "__main__":
    main()
