"""Chromium, driven by the scenarios of tests/browser."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from support.penstock import BUILD, PATIENCE

FOLDER = Path(__file__).resolve().parents[2] / "browser"


def public_key_digest(certificate):
    key = x509.load_pem_x509_certificate(Path(certificate).read_bytes()).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()


class Browser:
    """Runs scenarios; their pictures are left in the build folder's reports/screenshots."""

    def __init__(self, directory, trusted_certificates):
        missing = [program for program in ("chromium", "node", "npm") if not shutil.which(program)]
        assert not missing, f"missing programs: {' '.join(missing)}; run deploy/dependencies.sh --tests"
        subprocess.run([FOLDER / "install.sh"], check=True, timeout=600)
        self.directory = Path(directory)
        self.trusted_keys = [public_key_digest(certificate) for certificate in trusted_certificates]

    def run(self, scenario, **addresses):
        """What scenarios/SCENARIO.mjs returned; fails with what it printed when it did not hold."""
        home = self.directory / "home"
        home.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(self.directory), "LC_ALL": "C.UTF-8",
            "TRUSTED_KEYS": ",".join(self.trusted_keys), "PATIENCE_MS": str(int(PATIENCE * 1000)),
            "SCREENSHOTS": str(BUILD / "reports/screenshots" / scenario), **addresses,
        }
        ended = subprocess.run(["node", FOLDER / "scenarios" / f"{scenario}.mjs"], cwd=FOLDER, env=environment,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE * 8, check=False)
        assert ended.returncode == 0, f"{scenario} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        return json.loads(ended.stdout)
