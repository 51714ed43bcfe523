"""Programs that know nothing of Penstock read its artifacts alike, and as git archive has them."""

import pytest

from support import odd_repository, zip_readers
from support.artifact_command import ArtifactCommand, address
from support.git_servers import make_repository
from support.lfs_server import LfsServer
from support.odd_repository import content_of
from support.payloads import ORGANIZATION, PROJECT
from support.penstock import GIT_PASSWORD

# What readers make of some names, whoever wrote the archive. Other versions of them may show these as they are.
DIFFERENCES = {
    # libarchive takes "a:" for a drive, composes UTF-8 and makes folders of backslashes.
    zip_readers.bsdtar: {b"a:b": b"b", "nfd/e\u0301".encode(): "nfd/é".encode(), b"back\\slash": b"back/slash"},
}


def compare(reader, expected, found):
    shown = {name: other for name, other in DIFFERENCES.get(reader, {}).items() if name not in found}
    expected = {shown.get(name, name): content for name, content in expected.items()}
    assert set(found) == set(expected), (sorted(set(expected) - set(found)), sorted(set(found) - set(expected)))
    for name, content in found.items():
        wanted = expected[name]
        assert content.sha256 == wanted.sha256, name
        assert content.is_link in (None, wanted.is_link), name
        assert content.executable in (None, wanted.executable), name


class Made:
    """A repository of some kinds and its artifact, made over https with LFS and all submodules."""

    def __init__(self, command, server, repository, kinds, directory):
        items = odd_repository.items_of(kinds)
        commit = odd_repository.commit(repository, items)
        self.expected = odd_repository.expected_contents(repository, commit, items)
        assert len(self.expected) >= len(items)
        self.archive = directory / "artifact.zip"
        made = command.make(address(server.url, repository.path.name), commit, "--lfs", "--submodules", "recursive")
        self.archive.write_bytes(made.data)


@pytest.fixture(scope="module")
def lfs(authority, git_http):
    with LfsServer(authority.issue("lfs"), GIT_PASSWORD, upstream=git_http.https_url) as server:
        yield server


@pytest.fixture(scope="module")
def make(git_root, lfs, authority, tmp_path_factory):
    def make(name, *kinds):
        directory = tmp_path_factory.mktemp(name)
        (directory / "token").write_text(GIT_PASSWORD)
        command = ArtifactCommand(directory, authority, {"azure": {"type": "PAT", "token": {"secret": f"file:{directory}/token"}}},
                                  (GIT_PASSWORD,))
        return Made(command, lfs, make_repository(git_root, ORGANIZATION, PROJECT, name), kinds, directory)
    return make


@pytest.fixture(scope="module")
def made(git_root, lfs, make):
    def library(name):
        return make_repository(git_root, ORGANIZATION, PROJECT, name)
    return make("readers", *odd_repository.KINDS, odd_repository.lfs_objects(lfs, b"lfs/"),
                odd_repository.submodules(library, lfs))


@pytest.fixture(scope="module")
def made_of_bytes(make):
    return make("readers-bytes", odd_repository.no_unicode)


@pytest.mark.parametrize("reader", [
    zip_readers.python, zip_readers.java_file, zip_readers.java_stream, zip_readers.unzip, zip_readers.bsdtar,
    zip_readers.seven_zip], ids=lambda reader: reader.__name__)
def test_reads_what_git_archive_has(made, tmp_path, reader):
    compare(reader, made.expected, reader(made.archive, tmp_path / "tree"))


# Zip cannot say in which encoding a name is that is no UTF-8, so the bytes are kept. Java's default is to refuse such an
# archive; with a charset of one byte for each character it gives the bytes back.
@pytest.mark.parametrize("reader", [
    zip_readers.python, zip_readers.java_file_latin_1, zip_readers.java_stream_latin_1, zip_readers.unzip,
    zip_readers.bsdtar, zip_readers.seven_zip], ids=lambda reader: reader.__name__)
def test_names_that_are_no_unicode_keep_their_bytes(made_of_bytes, tmp_path, reader):
    compare(reader, made_of_bytes.expected, reader(made_of_bytes.archive, tmp_path / "tree"))


def test_a_difference_would_be_noticed(made):
    found = zip_readers.python(made.archive, None)
    assert {b"lfs/run.bin", b"libs/near/lfs/text.bin", "libs/größe/leaf".encode()} <= set(found)
    compare(zip_readers.python, made.expected, found)
    for change in ({b"empty": content_of(b"x", False, False)}, {b"deploy/run.sh": content_of(b"#!/bin/sh\nexec true\n", False, False)},
                   {b"links/folder": content_of(b"../deploy", False, False)}, {b"more": content_of(b"", False, False)}):
        with pytest.raises(AssertionError):
            compare(zip_readers.python, made.expected, found | change)
