"""An OpenID provider on loopback: its keys are made by openssl, its tokens signed by it."""

import base64
import json
import subprocess
import time
from pathlib import Path

from support.json_server import JsonServer


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_json(value):
    return encode(json.dumps(value, separators=(",", ":")).encode())


class SigningKey:
    """An RSA key with an id."""

    def __init__(self, directory, key_id):
        self.key_id = key_id
        self.path = Path(directory) / f"{key_id}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
                        str(self.path)], check=True, capture_output=True)

    def public_pem(self):
        return subprocess.run(["openssl", "pkey", "-in", str(self.path), "-pubout"], check=True,
                              capture_output=True).stdout

    def jwk(self):
        said = subprocess.run(["openssl", "rsa", "-in", str(self.path), "-noout", "-modulus"], check=True,
                              capture_output=True, text=True).stdout
        modulus = bytes.fromhex(said.strip().removeprefix("Modulus="))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.key_id, "n": encode(modulus), "e": "AQAB"}

    def sign(self, data):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.path)], input=data, check=True,
                              capture_output=True).stdout

    def token(self, claims, **header):
        head = encode_json({"alg": "RS256", "typ": "JWT", "kid": self.key_id, **header})
        signed = f"{head}.{encode_json(claims)}"
        return f"{signed}.{encode(self.sign(signed.encode()))}"


class IdentityProvider(JsonServer):
    def __init__(self, directory):
        self._directory = Path(directory)
        self.keys = [SigningKey(directory, "first")]
        self.requests = []
        self.is_down = False
        super().__init__()

    @property
    def issuer(self):
        return f"{self.url}/tenant"

    def answer_get(self, path):
        self.requests.append(path)
        if self.is_down:
            return 503, {}
        if path == "/tenant/.well-known/openid-configuration":
            return 200, {"issuer": self.issuer, "jwks_uri": self.issuer + "/keys"}
        if path == "/tenant/keys":
            return 200, {"keys": [key.jwk() for key in self.keys]}
        return 404, {}

    def rotate(self):
        """The new key alone from now on."""
        self.keys = [SigningKey(self._directory, f"key-{len(self.requests)}-{time.time_ns()}")]

    def claims(self, **claims):
        now = int(time.time())
        return {"iss": self.issuer, "aud": "penstock", "sub": "ann", "iat": now, "exp": now + 600, "scp": ["openid", "email"],
                **claims}

    def token(self, **claims):
        return self.keys[0].token(self.claims(**claims))
