"""An OpenID provider on loopback: its keys are made by openssl, its tokens signed by it."""

import base64
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


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


class IdentityProvider:
    def __init__(self, directory):
        self._directory = Path(directory)
        self.keys = [SigningKey(directory, "first")]
        self.requests = []
        self.is_down = False
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                provider.requests.append(self.path)
                status, answer = provider.answer(self.path)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def issuer(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/tenant"

    def answer(self, path):
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

    def close(self):
        self._server.shutdown()
        self._server.server_close()
