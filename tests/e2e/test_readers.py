"""Programs that know nothing of Penstock read its artifacts alike, and as git archive has them."""

import json

import pytest

from support import odd_repository, zip_readers
from support.git_servers import make_repository
from support.odd_repository import content_of
from support.penstock import run

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
    """A repository of some kinds and its artifact."""

    def __init__(self, repository, kinds, directory):
        items = odd_repository.items_of(kinds)
        commit = odd_repository.commit(repository, items)
        self.expected = odd_repository.expected_contents(repository, commit, items)
        assert len(self.expected) >= len(items)
        self.archive = directory / "artifact.zip"
        done = run("artifact", "--repository", repository.path, "--revision", commit, "--output", self.archive)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["bytes"] == self.archive.stat().st_size


def make(git_root, directory, name, kinds):
    return Made(make_repository(git_root, "northwind", "Harbour Works", name), kinds, directory)


@pytest.fixture(scope="module")
def made(git_root, tmp_path_factory):
    return make(git_root, tmp_path_factory.mktemp("readers"), "readers", odd_repository.KINDS)


@pytest.fixture(scope="module")
def made_of_bytes(git_root, tmp_path_factory):
    return make(git_root, tmp_path_factory.mktemp("bytes"), "readers-bytes", (odd_repository.no_unicode,))


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
    compare(zip_readers.python, made.expected, found)
    for change in ({b"empty": content_of(b"x", False, False)}, {b"deploy/run.sh": content_of(b"#!/bin/sh\nexec true\n", False, False)},
                   {b"links/folder": content_of(b"../deploy", False, False)}, {b"more": content_of(b"", False, False)}):
        with pytest.raises(AssertionError):
            compare(zip_readers.python, made.expected, found | change)
