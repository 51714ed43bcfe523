"""A client that sends the bytes it is told to and reads answers strictly: for requests that no HTTP library would send."""

import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


class Ended(Exception):
    """The server closed the connection before an answer was complete."""


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: tuple  # of (name in lower case, value), in the order received
    body: bytes

    def header(self, name):
        return next((value for key, value in self.headers if key == name.lower()), None)


def authority(url):
    parts = urlsplit(url)
    return parts.hostname, parts.port


def connect(url, ca=None, timeout=10.0, receive_buffer=None, source=None):
    """A socket to the server of `url`, with TLS when it begins with https."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            plain.bind((source, 0))
        plain.connect(authority(url))
        if not url.startswith("https:"):
            return plain
        context = ssl.create_default_context(cafile=str(ca))
        return context.wrap_socket(plain, server_hostname="127.0.0.1")
    except BaseException:
        plain.close()
        raise


class RawConnection:
    """A context manager; every read has the deadline that it was made with."""

    def __init__(self, url, ca=None, timeout=10.0):
        self._socket = connect(url, ca, timeout)
        self._timeout = timeout
        self._unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, data):
        """A server may answer and close before it has read everything."""
        try:
            self._socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False

    def finish(self):
        self._socket.shutdown(socket.SHUT_WR)

    def _receive(self, deadline):
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        try:
            return self._socket.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def _fill(self, deadline):
        data = self._receive(deadline)
        if not data:
            raise Ended(f"the connection ended after {self._unread!r}")
        self._unread += data

    def _until(self, mark, deadline):
        while mark not in self._unread:
            self._fill(deadline)
        found, _, self._unread = self._unread.partition(mark)
        return found

    def _bytes(self, count, deadline):
        while len(self._unread) < count:
            self._fill(deadline)
        found, self._unread = self._unread[:count], self._unread[count:]
        return found

    def read(self, method="GET", timeout=None):
        """The next answer, also an interim one."""
        deadline = time.monotonic() + (timeout or self._timeout)
        lines = self._until(b"\r\n\r\n", deadline).split(b"\r\n")
        version, status, _ = lines[0].split(b" ", 2)
        assert version == b"HTTP/1.1", lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            assert colon and name and not name.strip(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                                    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"), line
            headers.append((name.decode().lower(), value.strip(b" \t").decode("latin-1")))
        answer = RawAnswer(int(status), tuple(headers), b"")
        lengths = [value for name, value in headers if name == "content-length"]
        assert len(lengths) <= 1, headers
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.header("transfer-encoding"):
            assert not lengths and answer.header("transfer-encoding") == "chunked", headers
            body = b""
            while size := int(self._until(b"\r\n", deadline), 16):
                body += self._bytes(size, deadline)
                assert self._bytes(2, deadline) == b"\r\n"
            assert self._bytes(2, deadline) == b"\r\n"
        elif lengths:
            body = self._bytes(int(lengths[0]), deadline)
        else:
            body = self.rest(timeout)
        return RawAnswer(answer.status, tuple(headers), body)

    def rest(self, timeout=None):
        """Everything until the server closes."""
        deadline = time.monotonic() + (timeout or self._timeout)
        found, self._unread = self._unread, b""
        while data := self._receive(deadline):
            found += data
        return found

    def ended(self, timeout=None):
        """Whether the server closes without sending more."""
        try:
            return self.rest(timeout) == b""
        except (TimeoutError, ssl.SSLWantReadError):
            return False
