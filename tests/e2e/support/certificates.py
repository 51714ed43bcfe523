"""A certificate authority of this test run, and server certificates for the loopback address."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, text=True)


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    private_key: Path


class CertificateAuthority:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificate = self.directory / "ca.pem"
        self._key = self.directory / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
                 "-subj", "/CN=Penstock end-to-end tests", "-addext", "keyUsage=critical,keyCertSign",
                 "-keyout", self._key, "-out", self.certificate)

    def issue(self, name, usage="serverAuth"):
        """A certificate for 127.0.0.1 and localhost, or with "clientAuth" for a client."""
        key, request = self.directory / f"{name}.key", self.directory / f"{name}.csr"
        certificate, extensions = self.directory / f"{name}.pem", self.directory / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n"
                              f"keyUsage=digitalSignature\nextendedKeyUsage={usage}\n"
                              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                 "-days", 2, "-extfile", extensions, "-out", certificate)
        return Certificate(certificate, key)
