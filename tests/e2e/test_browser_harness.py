"""What the scenarios of tests/browser stand on: the browser, its packages, and that a broken page is noticed."""

import http.server
import json
import ssl
import threading

from support.browser import FOLDER
from support.certificates import CertificateAuthority

ALLOWED_LICENSES = {"Apache-2.0", "MPL-2.0", "MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause"}


def test_browser_sees_what_a_visitor_would(make_penstock, browser, tmp_path):
    certificate = CertificateAuthority(tmp_path / "stranger").issue("stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.private_key)
    stranger = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    stranger.socket = context.wrap_socket(stranger.socket, server_side=True)
    threading.Thread(target=stranger.serve_forever, daemon=True).start()
    try:
        server = make_penstock([]).start()
        result = browser.run("harness", PENSTOCK_URL=server.url,
                             STRANGER_URL=f"https://127.0.0.1:{stranger.server_address[1]}/")
        assert "Chrome/" in result["browser"]
    finally:
        stranger.shutdown()
        stranger.server_close()


def test_packages_are_pinned_and_of_allowed_licenses():
    wanted = json.loads((FOLDER / "package.json").read_text())["devDependencies"]
    assert all(version[0].isdigit() for version in wanted.values()), wanted
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    for path, package in packages.items():
        if path:
            assert package["license"] in ALLOWED_LICENSES, (path, package["license"])
            assert package["integrity"].startswith("sha512-"), path
            assert not package.get("hasInstallScript"), path
