"""Entra ID's token endpoint on loopback: it knows one application and checks what that proves itself with."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from urllib.parse import parse_qs

from support.json_server import JsonServer

TENANT = "0b5f4f0e-6f0a-4d0b-9a51-2f1f1f0d7c11"
CLIENT = "3f7c1f8a-1a55-4d7e-8c52-7f5f2d1c9a22"
AZURE_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798/.default"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def make_certificate(directory, name, days=30):
    """A file with an RSA key and its self-signed certificate; the certificate alone lies beside it."""
    directory = Path(directory)
    key, certificate, both = (directory / f"{name}.{kind}" for kind in ("key", "crt", "pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj",
                    f"/CN={name}", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    return both


class Entra(JsonServer):
    """`on_token(token)` is told of each token before it is given out. What is set on it counts from the next call on."""

    def __init__(self, directory, on_token):
        self.directory = Path(directory)
        self.on_token = on_token
        self.secret = self.certificate = self.federated = None
        self.forms, self.tokens = [], []
        super().__init__()

    def answer_post(self, path, body):
        return self.answer(path, {key: values[0] for key, values in parse_qs(body.decode()).items()})

    def answer(self, path, form):
        self.forms.append(form)
        if path != f"/{TENANT}/oauth2/v2.0/token":
            return 400, self._refusal(90002, "Tenant not found.")
        if form.get("client_id") != CLIENT:
            return 400, self._refusal(700016, "Application not found in the directory.")
        if form.get("grant_type") != "client_credentials" or form.get("scope") != AZURE_DEVOPS:
            return 400, self._refusal(90014, "A required field is missing.")
        if "client_secret" in form:
            if form["client_secret"] != self.secret:
                return 401, self._refusal(7000215, "Invalid client secret provided.")
        elif form.get("client_assertion_type") != ASSERTION_TYPE:
            return 401, self._refusal(7000218, "The request body must contain client_assertion or client_secret.")
        elif self.federated is not None:
            if form["client_assertion"] != self.federated:
                return 401, self._refusal(700213, "No matching federated identity record found.")
        elif not self._verifies(form["client_assertion"]):
            return 401, self._refusal(700027, "Client assertion failed signature validation.")
        token = f"entra-token-{len(self.tokens) + 1}"
        self.tokens.append(token)
        self.on_token(token)
        return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token}

    @staticmethod
    def _refusal(code, text):
        return {"error": "invalid_client", "error_description": f"AADSTS{code}: {text} Trace ID: 1", "error_codes": [code]}

    def _verifies(self, assertion):
        """By openssl: PS256, the certificate's thumbprint, the claims that Microsoft documents."""
        header, claims, signature = assertion.split(".")
        der = subprocess.run(["openssl", "x509", "-in", str(self.certificate), "-outform", "DER"], check=True,
                             capture_output=True).stdout
        fields = json.loads(_decoded(header))
        if fields["alg"] != "PS256" or _decoded(fields["x5t#S256"]) != hashlib.sha256(der).digest():
            return False
        said = json.loads(_decoded(claims))
        assert said["aud"] == f"{self.url}/{TENANT}/oauth2/v2.0/token", said
        assert said["iss"] == said["sub"] == CLIENT and said["exp"] - said["nbf"] == 600 and said["jti"], said
        key, data, sign = (self.directory / name for name in ("key.pub", "data", "signature"))
        key.write_bytes(subprocess.run(["openssl", "x509", "-in", str(self.certificate), "-pubkey", "-noout"],
                                       check=True, capture_output=True).stdout)
        data.write_text(f"{header}.{claims}")
        sign.write_bytes(_decoded(signature))
        return subprocess.run(["openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                               "rsa_pss_saltlen:32", "-verify", str(key), "-signature", str(sign), str(data)],
                              capture_output=True, check=False).returncode == 0
