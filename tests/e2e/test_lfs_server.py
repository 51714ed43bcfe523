"""The LFS server that other tests use: what it answers, and that it misbehaves as it is told."""

import http.client
import json
import ssl

import pytest

from support.git_servers import make_repository
from support.lfs_server import BATCH, MEDIA_TYPE, LfsServer, lfs_attributes
from support.penstock import GIT_PASSWORD
from support.repositories import run_git

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def lfs(authority, git_http):
    with LfsServer(authority.issue("lfs"), GIT_PASSWORD, upstream=git_http.https_url) as server:
        yield server


@pytest.fixture
def ask(authority):
    context = ssl.create_default_context(cafile=authority.certificate)

    def ask(server, method, path, body=None, **headers):
        host, port = server.url.removeprefix("https://").split(":")
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    return ask


def batch(ask, server, *items, authorization=None):
    question = {"operation": "download", "transfers": ["basic"],
                "objects": [{"oid": oid, "size": size} for oid, size in items]}
    status, _, body = ask(server, "POST", "/o/p/_git/r" + BATCH, json.dumps(question), Accept=MEDIA_TYPE,
                          Content_Type=MEDIA_TYPE,
                          Authorization=server.basic("") if authorization is None else authorization)
    return status, json.loads(body)


def oid_of(pointer):
    return pointer.decode().split("sha256:")[1].split("\n")[0]


def test_objects(lfs, ask):
    oid = oid_of(lfs.add(CONTENT))
    status, answer = batch(ask, lfs, (oid, len(CONTENT)), ("0" * 64, 1), (oid, 1))
    assert status == 200
    action, missing, other = answer["objects"]
    assert (missing["error"]["code"], other["error"]["code"]) == (404, 422)
    path = action["actions"]["download"]["href"].removeprefix(lfs.url)
    login = {"Authorization": lfs.basic("pat")}
    assert ask(lfs, "GET", path, **login)[::2] == (200, CONTENT)
    assert ask(lfs, "GET", path, Range="bytes=100-", **login)[::2] == (206, CONTENT[100:])
    assert ask(lfs, "GET", path)[0] == 401
    assert batch(ask, lfs, (oid, 1), authorization="Basic eDp5")[0] == 401
    assert [call.status for call in lfs.calls("download")] == [200, 206, 401]
    assert lfs.calls("batch")[0].oids == (oid, "0" * 64, oid)


def test_troubles(lfs, ask, authority):
    oid = oid_of(lfs.add(CONTENT))
    login = {"Authorization": lfs.basic("")}
    lfs.trouble("batch", status=503, headers={"Retry-After": "1"}, times=1)
    assert batch(ask, lfs, (oid, 1))[0] == 503
    assert batch(ask, lfs, (oid, 1))[0] == 200
    lfs.trouble("download", wrong_bytes=True, times=1)
    lfs.trouble("download", cut_after=10, times=1)
    status, _, body = ask(lfs, "GET", "/lfs-store/" + oid, **login)
    assert status == 200 and len(body) == len(CONTENT) and body != CONTENT
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(lfs, "GET", "/lfs-store/" + oid, **login)
    assert cut.value.partial == CONTENT[:10]
    with LfsServer(authority.issue("storage")) as storage:
        storage.add(CONTENT)
        lfs.trouble("download", redirect_to=storage.url)
        status, headers, _ = ask(lfs, "GET", "/lfs-store/" + oid, **login)
        assert (status, headers["Location"]) == (302, storage.url + "/lfs-store/" + oid)
        assert ask(storage, "GET", "/lfs-store/" + oid)[::2] == (200, CONTENT)
        assert [call.authorization for call in storage.calls()] == [""]
    lfs.be_well()
    assert ask(lfs, "GET", "/lfs-store/" + oid, **login)[2] == CONTENT


def test_git_below_the_same_address(lfs, git_root, authority, tmp_path):
    repository = make_repository(git_root, "harbour", "lfs", "shop")
    commit = repository.commit({".gitattributes": lfs_attributes("*.bin"), "a.bin": lfs.add(CONTENT)})
    run_git("-c", f"http.sslCAInfo={authority.certificate}", "-c",
            f"http.extraHeader=Authorization: {lfs.basic('')}", "clone", "--quiet", "--bare",
            lfs.url + "/harbour/lfs/_git/shop", tmp_path / "clone")
    assert run_git("rev-parse", "HEAD", cwd=tmp_path / "clone").decode().strip() == commit
    assert {call.authorization for call in lfs.calls("git")} == {lfs.basic("")}
