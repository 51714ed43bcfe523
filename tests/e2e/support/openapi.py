"""Holds answers of the API to the server's own description of them."""

import json
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker

ROOT = Path(__file__).resolve().parents[3]
DESCRIPTION = json.loads((ROOT / "server/openapi.json").read_text())
# What the listener answers to any request that it does not pass on.
ANYWHERE = {405, 408, 413, 414, 417, 429, 431, 500, 501, 503}

formats = FormatChecker(formats=())
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
formats.checks("uuid")(lambda value: not isinstance(value, str) or bool(UUID.fullmatch(value)))
formats.checks("date-time")(lambda value: not isinstance(value, str) or bool(TIME.fullmatch(value)))


def resolve(part):
    while "$ref" in part:
        found = DESCRIPTION
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


@lru_cache(maxsize=None)
def validator(schema_text):
    schema = json.loads(schema_text)
    return Draft202012Validator({**schema, "components": DESCRIPTION["components"]}, format_checker=formats)


def validate(value, schema, what):
    errors = sorted(validator(json.dumps(schema)).iter_errors(value), key=lambda e: list(e.absolute_path))
    assert not errors, f"{what}: " + "; ".join(f"{list(e.absolute_path)}: {e.message}" for e in errors[:5])


def find_path(path):
    for template in sorted(DESCRIPTION["paths"], key=lambda t: t.count("{")):
        if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path):
            return template
    return None


def check(method, target, status, headers, body):
    """Fails for an answer that the description does not have. Only of the API; all else has tests of its own."""
    path = urlsplit(target).path
    if not path.startswith("/api/v1/") or method == "OPTIONS":
        return
    what = f"{method} {target}: {status}"
    content = headers.get("content-type", "").split(";")[0]
    problem = DESCRIPTION["components"]["schemas"]["Problem"]
    if status in ANYWHERE or (status == 404 and content == "application/problem+json"):
        assert content == "application/problem+json", f"{what}: {content}"
        if method != "HEAD":
            validate(json.loads(body), problem, what)
        return
    template = find_path(path)
    assert template, f"{what}: server/openapi.json does not have this path"
    operation = DESCRIPTION["paths"][template].get("get" if method == "HEAD" else method.lower())
    assert operation, f"{what}: server/openapi.json does not have this method of {template}"
    assert str(status) in operation["responses"], f"{what}: server/openapi.json does not have this status"
    response = resolve(operation["responses"][str(status)])
    if "content" not in response:
        assert not body, f"{what}: a body where there is none described"
        return
    assert content in response["content"], f"{what}: server/openapi.json does not have {content}"
    schema = response["content"][content].get("schema", {})
    if method == "HEAD":
        return
    if content == "application/x-ndjson":
        for line in body.splitlines():
            validate(json.loads(line), schema, what)
    elif content.endswith("json"):
        validate(json.loads(body), schema, what)
