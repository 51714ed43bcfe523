"""Where it listens, and who may connect: Unix socket, sockets from systemd, client certificates, TLS sessions."""

import contextlib
import http.client
import json
import shutil
import socket
import ssl
import stat
import sys
from pathlib import Path

import pytest

from support import payloads
from support.certificates import CertificateAuthority
from support.penstock import HOOK_PASSWORD, PROGRAM, basic, webhook
from support.processes import eventually, free_port
from support.raw import authority as address_of


def a_push():
    return payloads.push([payloads.ref_update("main", "0f" * 20)])


def post(connection, payload):
    connection.request("POST", "/hooks/azure-devops", payloads.encode(payload), {
        "Content-Type": "application/json", "Authorization": basic("azure", HOOK_PASSWORD)})
    answer = connection.getresponse()
    return answer.status, answer.read()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def test_unix_socket(make_penstock, tmp_path):
    path = tmp_path / "penstock.sock"
    penstock = make_penstock([webhook("none", "none")], workers=[], server={"listen": f"unix:{path}", "tls": None})

    def answers():
        penstock.process.expect_running()
        with contextlib.suppress(OSError), contextlib.closing(UnixConnection(path)) as connection:
            return post(connection, a_push())[0] == 200

    penstock.start(wait=False)
    eventually("an answer over the socket", answers)
    # The group may connect (a proxy's user), nobody else.
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with contextlib.closing(UnixConnection(path)) as connection:
        status, body = post(connection, a_push())
        assert status == 200
        connection.request("GET", f"/api/v1/deliveries/{json.loads(body)['deliveryId']}",
                           headers={"Authorization": "Bearer " + penstock.environment["API_TOKEN"]})
        assert json.loads(connection.getresponse().read())["remoteAddress"] == "127.0.0.1"
    # What a crash leaves behind does not keep the next one from starting, and an orderly end leaves nothing.
    penstock.process.kill()
    assert path.exists()
    penstock.start(wait=False)
    eventually("an answer after a crash", answers)
    assert penstock.process.terminate() == 0
    assert not path.exists()
    # A file that is no socket is somebody's.
    path.write_text("precious")
    penstock.start(wait=False)
    assert penstock.process.wait(20) == 78
    assert path.read_text() == "precious"
    assert str(path) in penstock.log()


ACTIVATOR = """#!{python}
import os, socket, sys
listening = socket.create_server(("127.0.0.1", {port}))
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="penstock.socket")
os.execv({program!r}, [{program!r}] + sys.argv[1:])
"""


def test_a_socket_from_systemd(make_penstock, tmp_path, monkeypatch):
    port, configured = free_port(), free_port()
    activator = tmp_path / "activator"
    activator.write_text(ACTIVATOR.format(python=sys.executable, port=port, program=str(PROGRAM)))
    activator.chmod(0o755)
    monkeypatch.setattr("support.penstock.PROGRAM", activator)
    penstock = make_penstock([webhook("none", "none")], workers=[], server={"listen": f"127.0.0.1:{port}"})
    penstock.configuration["server"]["listen"] = f"127.0.0.1:{configured}"
    penstock.write_configuration()
    penstock.configuration["server"]["listen"] = f"127.0.0.1:{port}"
    penstock.start()
    penstock.accept(a_push())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", configured), timeout=5).close()


def https(penstock, context):
    host, port = address_of(penstock.url)
    return contextlib.closing(http.client.HTTPSConnection(host, port, timeout=30, context=context))


def client_context(penstock, certificate=None):
    context = ssl.create_default_context(cafile=str(penstock.ca))
    if certificate:
        context.load_cert_chain(certificate.certificate, certificate.private_key)
    return context


def test_client_certificates(make_penstock, tmp_path, certificate):
    clients = CertificateAuthority(tmp_path / "clients")
    strangers = CertificateAuthority(tmp_path / "strangers")
    penstock = make_penstock([webhook("none", "none")], workers=[], server={"tls": {
        "certificate": str(certificate.certificate), "privateKey": str(certificate.private_key),
        "clientAuthorities": str(clients.certificate)}})
    known = client_context(penstock, clients.issue("client", usage="clientAuth"))
    penstock.start(wait=False)

    def answers():
        penstock.process.expect_running()
        with contextlib.suppress(ConnectionRefusedError), https(penstock, known) as connection:
            return post(connection, a_push())[0] == 200

    eventually("an answer to a known client", answers)
    for context in (client_context(penstock), client_context(penstock, strangers.issue("stranger", usage="clientAuth"))):
        with https(penstock, context) as connection, pytest.raises((ssl.SSLError, ConnectionError)):
            post(connection, a_push())
    with https(penstock, known) as connection:
        assert post(connection, a_push())[0] == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(make_penstock, version):
    penstock = make_penstock([webhook("none", "none")], workers=[]).start()
    context = client_context(penstock)
    context.minimum_version = context.maximum_version = version
    address = address_of(penstock.url)

    def visit(session):
        with socket.create_connection(address, timeout=30) as plain:
            with context.wrap_socket(plain, server_hostname=address[0], session=session) as secure:
                secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                answer = b"".join(iter(lambda: secure.recv(4096), b""))
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                return secure.session, secure.session_reused

    session, reused = visit(None)
    assert not reused
    for _ in range(3):
        session, reused = visit(session)
        assert reused


def test_a_new_certificate_leaves_connections_alone(make_penstock, authority, tmp_path):
    served = {"certificate": tmp_path / "tls.crt", "privateKey": tmp_path / "tls.key"}

    def put(name):
        issued = authority.issue(name)
        shutil.copy(issued.certificate, served["certificate"])
        shutil.copy(issued.private_key, served["privateKey"])

    put("first")
    penstock = make_penstock([webhook("none", "none")], workers=[],
                             server={"tls": {key: str(path) for key, path in served.items()}}).start()

    def name_shown():
        with https(penstock, client_context(penstock)) as connection:
            connection.connect()
            (((_, name),),) = connection.sock.getpeercert()["subject"]
            return name

    with https(penstock, client_context(penstock)) as connection:
        assert post(connection, a_push())[0] == 200
        local = connection.sock.getsockname()
        assert name_shown() == "first"
        put("second")
        penstock.reload()
        eventually("the new certificate", lambda: name_shown() == "second")
        # A pair that does not belong together is refused, and the one before goes on being served.
        Path(served["privateKey"]).write_bytes(authority.issue("third").private_key.read_bytes())
        penstock.reload()
        eventually("a word about it in the log", lambda: "tls.key" in penstock.log())
        assert name_shown() == "second"
        assert post(connection, a_push())[0] == 200
        assert connection.sock.getsockname() == local
