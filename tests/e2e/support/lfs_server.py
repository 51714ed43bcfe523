"""A Git LFS server on loopback that can be told to misbehave, in front of a git server or alone.

    server = LfsServer(authority.issue("lfs"), GIT_PASSWORD, upstream=git_http.https_url)
    repository.commit({".gitattributes": lfs_attributes("*.bin"), "big.bin": server.add(b"content")})
    remote = server.url + "/org/project/_git/name"        # git and LFS below one address, as at Azure DevOps

Objects are the same for all repositories. What is set on the server counts from the next request on. A server without
a password gives its objects to everybody, as a storage behind signed addresses does.
"""

import base64
import hashlib
import http.client
import json
import ssl
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MEDIA_TYPE = "application/vnd.git-lfs+json"
BATCH = "/info/lfs/objects/batch"
STORE = "/lfs-store/"
_NOT_FORWARDED = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


def pointer(content):
    """The pointer file that git holds in place of `content`."""
    return (f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(content).hexdigest()}\n"
            f"size {len(content)}\n").encode()


def lfs_attributes(*patterns):
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns).encode()


@dataclass(frozen=True)
class Call:
    kind: str  # "batch", "download" or "git"
    path: str
    status: int
    authorization: str  # the header as it came; empty when there was none
    oids: tuple = ()
    range: str = ""


@dataclass
class Trouble:
    """What goes wrong with requests of one kind, the next `times` times (None: each time)."""
    status: int = 0  # answer with this
    headers: dict = field(default_factory=dict)
    body: bytes = b'{"message":"told to fail"}'
    cut_after: int = -1  # of a download: close after so many bytes
    wrong_bytes: bool = False  # of a download: as many other ones
    redirect_to: str = ""  # of a download: the origin of another LfsServer, which has the same objects
    times: int | None = None


class LfsServer:
    def __init__(self, certificate, password=None, upstream="", users=("", "pat", "penstock")):
        self.password = password
        # Of the objects that the batch API offers; another origin's address makes that one the storage.
        self.storage = ""
        self.action_headers = {}
        self.expires_in = None
        self.objects = {}
        self._upstream = urlsplit(upstream) if upstream else None
        self._authorizations = {self.basic(user) for user in users}
        self._lock = threading.Lock()
        self._calls, self._troubles = [], {"batch": [], "download": []}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.lfs = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.private_key)
        # The handshake belongs to the connection's thread: a client that connects and says nothing stops nobody.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, name="lfs", daemon=True)
        self._thread.start()

    def basic(self, user):
        return "Basic " + base64.b64encode(f"{user}:{self.password}".encode()).decode()

    @property
    def url(self):
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def add(self, content):
        """Keeps an object; returns its pointer, to be committed."""
        self.objects[hashlib.sha256(content).hexdigest()] = content
        return pointer(content)

    def remove(self, content):
        del self.objects[hashlib.sha256(content).hexdigest()]

    def trouble(self, kind, **what):
        """Of "batch" or "download": see Trouble. Troubles of one kind come one after the other."""
        with self._lock:
            self._troubles[kind].append(Trouble(**what))

    def be_well(self):
        with self._lock:
            self._troubles = {"batch": [], "download": []}

    def calls(self, kind=None):
        with self._lock:
            return [call for call in self._calls if kind in (None, call.kind)]

    def forget_calls(self):
        with self._lock:
            self._calls = []

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def is_known(self, authorization):
        return authorization in self._authorizations

    def note(self, call):
        with self._lock:
            self._calls.append(call)

    def next_trouble(self, kind):
        with self._lock:
            troubles = self._troubles[kind]
            if not troubles:
                return None
            if troubles[0].times is not None:
                troubles[0].times -= 1
                if troubles[0].times <= 0:
                    return troubles.pop(0)
            return troubles[0]

    def forward(self, method, path, headers, body):
        """(status, headers, body) of the git server behind."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self._upstream.hostname, self._upstream.port, context=context,
                                                 timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # clients may go when they like
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format, *args):  # noqa: A002
        pass

    @property
    def lfs(self):
        return self.server.lfs

    @property
    def authorization(self):
        return self.headers.get("Authorization", "")

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(body)

    def do_POST(self):
        body = self.read_body()
        if not self.path.endswith(BATCH):
            return self.pass_on(body)
        question = json.loads(body)
        oids = tuple(item["oid"] for item in question["objects"])
        status, answer, headers = self.batch(question)
        self.lfs.note(Call("batch", self.path, status, self.authorization, oids))
        self.answer(status, answer, headers)

    def do_GET(self):
        if self.path.startswith(STORE):
            self.download(self.path[len(STORE):])
        else:
            self.pass_on(b"")

    def batch(self, question):
        lfs = self.lfs
        if trouble := lfs.next_trouble("batch"):
            return trouble.status, trouble.body, trouble.headers
        media = {"Content-Type": MEDIA_TYPE}
        if not lfs.is_known(self.authorization):
            return 401, b'{"message":"Credentials needed"}', {**media, "LFS-Authenticate": 'Basic realm="LFS"'}
        if self.headers.get("Accept", "").split(";")[0] != MEDIA_TYPE:
            return 406, b'{"message":"Not acceptable"}', media
        if question.get("operation") != "download" or question.get("hash_algo", "sha256") != "sha256":
            return 422, b'{"message":"Only downloads by SHA-256"}', media
        objects = [self.offer(item["oid"], item["size"]) for item in question["objects"]]
        return 200, json.dumps({"transfer": "basic", "objects": objects}).encode(), media

    def offer(self, oid, size):
        lfs = self.lfs
        content = lfs.objects.get(oid)
        if content is None:
            return {"oid": oid, "size": size, "error": {"code": 404, "message": "Object does not exist"}}
        if len(content) != size:
            return {"oid": oid, "size": size, "error": {"code": 422, "message": "Another size"}}
        action = {"href": (lfs.storage or lfs.url) + STORE + oid}
        if lfs.action_headers:
            action["header"] = lfs.action_headers
        if lfs.expires_in is not None:
            action["expires_in"] = lfs.expires_in
        return {"oid": oid, "size": size, "actions": {"download": action}}

    def download(self, oid):
        lfs = self.lfs
        content = lfs.objects.get(oid)
        wanted = self.headers.get("Range", "")
        trouble = lfs.next_trouble("download")
        allowed = lfs.password is None or lfs.is_known(self.authorization) or (
            self.authorization and self.authorization == lfs.action_headers.get("Authorization"))
        status, headers, begin = 200, {"Content-Type": "application/octet-stream"}, 0
        if trouble and trouble.redirect_to:
            status, headers, content = 302, {"Location": trouble.redirect_to + STORE + oid}, b""
        elif trouble and trouble.status:
            status, headers, content = trouble.status, trouble.headers, trouble.body
        elif content is None:
            status, content = 404, b""
        elif not allowed:
            status, content = 401, b""
        elif wanted.startswith("bytes=") and wanted.endswith("-") and 0 < int(wanted[6:-1]) < len(content):
            status, begin = 206, int(wanted[6:-1])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        lfs.note(Call("download", self.path, status, self.authorization, (oid,), wanted))
        if status in (200, 206) and trouble and trouble.wrong_bytes:
            content = bytes(byte ^ 0xFF for byte in content)
        body = content[begin:]
        if trouble is None or trouble.cut_after < 0:
            return self.answer(status, body, headers)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:trouble.cut_after])
        self.wfile.flush()
        self.close_connection = True

    def pass_on(self, body):
        if self.lfs._upstream is None:
            self.lfs.note(Call("git", self.path, 404, self.authorization))
            return self.answer(404)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
        status, fields, answer = self.lfs.forward(self.command, self.path, headers, body)
        self.lfs.note(Call("git", self.path, status, self.authorization))
        self.answer(status, answer, [(n, v) for n, v in fields if n.lower() not in _NOT_FORWARDED | {"server", "date"}])
