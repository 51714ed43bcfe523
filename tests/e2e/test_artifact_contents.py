"""What an artifact can hold besides a commit's files, and what is refused or warned about, over https and ssh.

PENSTOCK_E2E_FILES sets how many files the large repository has (5,000; 100,000 for the record).
"""

import contextlib
import hashlib
import io
import os
import subprocess
import time
import zipfile

import pytest

from support import archives, odd_repository, payloads, zip_readers
from support.artifact_command import ArtifactCommand, address
from support.git_servers import GitHttpServer, make_repository
from support.lfs_server import LfsServer, lfs_attributes
from support.payloads import ORGANIZATION, PROJECT
from support.penstock import GIT_PASSWORD, SECRETS, basic, run, webhook
from support.repositories import GIT_ENVIRONMENT, executable, run_git, submodule, symlink

FILES = int(os.environ.get("PENSTOCK_E2E_FILES", "5000"))
OTHER_PASSWORD = "other-password-b07d"
BIG = hashlib.shake_256(b"big").digest(300_000)
SMALL = b"a small object\n"


@pytest.fixture
def artifact(tmp_path, authority, git_ssh):
    (tmp_path / "token").write_text(GIT_PASSWORD)
    (tmp_path / "other-token").write_text(OTHER_PASSWORD)
    (tmp_path / "known_hosts").write_text(git_ssh.known_hosts())
    (tmp_path / "artifact").mkdir()
    return ArtifactCommand(tmp_path / "artifact", authority, {
        "azure": {"type": "PAT", "token": {"secret": f"file:{tmp_path}/token"}},
        "other": {"type": "PAT", "token": {"secret": f"file:{tmp_path}/other-token"}},
        "key": {"type": "SSH_KEY", "privateKey": {"secret": f"file:{git_ssh.private_key}"},
                "knownHosts": f"file:{tmp_path}/known_hosts"},
    }, (*SECRETS, OTHER_PASSWORD))


@pytest.fixture
def named(repository, git_root):
    """Makes repositories whose names begin with the test's."""
    def make(suffix):
        made = make_repository(git_root, ORGANIZATION, PROJECT, f"{repository.name}-{suffix}")
        made.name = f"{repository.name}-{suffix}"
        return made
    return make


@pytest.fixture(scope="module")
def other_root(tmp_path_factory):
    return tmp_path_factory.mktemp("other-repositories")


@pytest.fixture(scope="module")
def other_git(tmp_path_factory, other_root, authority):
    server = GitHttpServer(tmp_path_factory.mktemp("other-nginx"), other_root, authority.issue("other"), OTHER_PASSWORD)
    yield server
    server.close()


@pytest.fixture
def lfs(authority, git_http):
    with LfsServer(authority.issue("lfs"), GIT_PASSWORD, upstream=git_http.https_url) as server:
        yield server


def gitmodules(urls):
    return "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items()).encode()


def of_commit(repository, commit, prefix=""):
    return {prefix + path: found for path, found in archives.of_tar(repository.archive(commit)).items()}


def names_in(data):
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return opened.namelist()


# Submodules

@pytest.fixture
def family(repository, named, git_http):
    """repository > near (relative) > deep; repository > far (absolute)."""
    near, deep, far = named("near"), named("deep"), named("far")
    of_deep = deep.commit({"deep.txt": b"deep\n", "run": executable(b"#!/bin/sh\n")})
    of_near = near.commit({"near.txt": b"near\n", ".gitmodules": gitmodules({"sub/deep": f"../{deep.name}"}),
                           "sub/deep": submodule(of_deep), "link": symlink("near.txt")})
    # The commit that is asked for is not a head.
    of_far = far.commit({"far.txt": b"far\n"})
    far.commit({"far.txt": b"later\n"})
    commit = repository.commit({
        "main.txt": b"main\n", "libs/a": b"a\n", "libs/near": submodule(of_near), "vendor/far": submodule(of_far),
        ".gitmodules": gitmodules({"libs/near": f"../{near.name}", "vendor/far": address(git_http.https_url, far.name)})})
    parts = {"": (repository, commit), "libs/near/": (near, of_near), "vendor/far/": (far, of_far),
             "libs/near/sub/deep/": (deep, of_deep)}
    return commit, {prefix: of_commit(*part, prefix) for prefix, part in parts.items()}


@pytest.mark.parametrize("depth", ["none", "direct", "recursive"])
def test_submodules(artifact, repository, family, git_http, depth):
    commit, parts = family
    within = {"none": [""], "direct": ["", "libs/near/", "vendor/far/"], "recursive": list(parts)}[depth]
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--submodules", depth)
    assert archives.of_zip(made.data) == {path: found for prefix in within for path, found in parts[prefix].items()}
    empty = {"none": {"libs/near/", "vendor/far/"}, "direct": {"libs/near/sub/deep/"}, "recursive": set()}[depth]
    assert {name for name in names_in(made.data) if name.endswith("/")} == empty
    for folder in empty:
        assert f'the submodule "{folder[:-1]}" is an empty folder in the artifact' in made.said
    if not empty:
        assert "empty folder" not in made.said


def test_artifacts_with_submodules_are_the_same_cold_and_warm(artifact, repository, family, named, git_http, tmp_path):
    commit, _ = family
    remote, options = address(git_http.https_url, repository.name), ("--submodules", "recursive")
    first = artifact.make(remote, commit, *options, cache=tmp_path / "cache")
    calls = len(git_http.calls())
    again = artifact.make(remote, commit, *options, cache=tmp_path / "cache")
    assert again.data == first.data and len(git_http.calls()) == calls
    assert again.report["reusedEntries"] == first.report["entries"]

    # Another commit of one submodule.
    near = named("near")
    tree = run_git("ls-tree", "-r", commit, cwd=repository.path).decode()
    of_far = next(line.split()[2] for line in tree.splitlines() if line.endswith("vendor/far"))
    of_near = near.commit({"near.txt": b"changed\n"})
    later = repository.commit({"libs/near": submodule(of_near), "vendor/far": submodule(of_far), "main.txt": b"main\n",
                               ".gitmodules": gitmodules({"libs/near": f"../{near.name}",
                                                          "vendor/far": f"../{repository.name}-far"})})
    warm = artifact.make(remote, later, *options, cache=tmp_path / "cache")
    assert warm.report["reusedEntries"] > 0
    assert warm.data == artifact.make(remote, later, *options).data
    assert archives.of_zip(warm.data)["libs/near/near.txt"][2] == b"changed\n"


def test_submodules_below_a_subdirectory(artifact, repository, family, git_http):
    commit, parts = family
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--submodules", "direct", "--subdirectory", "libs")
    assert archives.of_zip(made.data) == {path.removeprefix("libs/"): found for prefix in ("", "libs/near/")
                                          for path, found in parts[prefix].items() if path.startswith("libs/")}


def test_a_submodule_that_is_left_out_is_not_fetched(artifact, repository, named, git_http):
    part = named("part")
    of_part = part.commit({"file": b"x"})
    commit = repository.commit({"main": b"x", "libs/part": submodule(of_part), "gone": submodule("ab" * 20),
                                ".gitmodules": gitmodules({"libs/part": f"../{part.name}", "gone": "../no-such-repository"})})
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--submodules", "direct", "--exclude", "gone")
    assert sorted(archives.of_zip(made.data)) == [".gitmodules", "libs/part/file", "main"]
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--submodules", "direct", "--exclude", "gone/**",
                         "--exclude", "libs/**")
    assert sorted(archives.of_zip(made.data)) == [".gitmodules", "main"]
    commit = repository.commit({"main": b"x", "libs/part": submodule(of_part), "gone": submodule("ab" * 20),
                                "old/gone": submodule("ab" * 20), ".gitattributes": b"gone export-ignore\n/old export-ignore\n",
                                ".gitmodules": gitmodules({"libs/part": f"../{part.name}", "gone": "../no-such-repository",
                                                           "old/gone": "../no-such-repository"})})
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--submodules", "direct", "--export-ignore")
    assert sorted(archives.of_zip(made.data)) == [".gitattributes", ".gitmodules", "libs/part/file", "main"]


@pytest.fixture
def elsewhere(repository, other_root, other_git):
    """A submodule on another host, which has another password."""
    library = make_repository(other_root, ORGANIZATION, PROJECT, repository.name)
    of_library = library.commit({"library.c": b"int x;\n"})
    commit = repository.commit({"main.c": b"int main;\n", "third party/library": submodule(of_library),
                                ".gitmodules": gitmodules({"third party/library": address(other_git.https_url, repository.name)})})
    return commit, of_commit(library, of_library, "third party/library/")


def test_another_host_is_refused_and_not_asked(artifact, repository, elsewhere, git_http, other_git):
    before = len(other_git.calls())
    said = artifact.refused(address(git_http.https_url, repository.name), elsewhere[0], "--submodules", "direct", status=78)
    host = other_git.https_url.removeprefix("https://")
    assert 'fetching the submodule "third party/library": ' in said and f'"{host}"' in said
    assert "`artifact.submoduleHosts`" in said and f"`--submodule-host {host}`" in said
    assert len(other_git.calls()) == before


def test_another_host_is_allowed_with_a_credential_of_its_own(artifact, repository, elsewhere, git_http, other_git):
    commit, expected = elsewhere
    host = other_git.https_url.removeprefix("https://")
    before, own = len(other_git.calls()), len(git_http.calls())
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--submodules", "direct",
                         "--submodule-host", f"{host}=other")
    assert expected.items() <= archives.of_zip(made.data).items()
    seen = {call.split("auth=")[1] for call in other_git.calls()[before:]}
    assert basic("", OTHER_PASSWORD) in seen and basic("", GIT_PASSWORD) not in seen, seen
    assert not [call for call in git_http.calls()[own:] if basic("", OTHER_PASSWORD) in call]


def test_another_host_that_wants_a_credential_and_gets_none(artifact, repository, elsewhere, git_http, other_git):
    host = other_git.https_url.removeprefix("https://")
    before = len(other_git.calls())
    said = artifact.refused(address(git_http.https_url, repository.name), elsewhere[0], "--submodules", "direct",
                            "--submodule-host", host)
    assert 'fetching the submodule "third party/library": ' in said and "`artifact.submoduleHosts`" in said, said
    assert {call.split("auth=")[1] for call in other_git.calls()[before:]} == {"-"}


def test_submodules_over_ssh(artifact, repository, named, git_http, git_ssh):
    part = named("part")
    of_part = part.commit({"file": b"over ssh\n"})
    commit = repository.commit({"part": submodule(of_part), ".gitmodules": gitmodules({"part": f"../{part.name}"})})
    expected = of_commit(repository, commit) | of_commit(part, of_part, "part/")
    made = artifact.make(address(git_ssh.url, repository.name), commit, "--submodules", "direct", credentials="key")
    assert archives.of_zip(made.data) == expected

    # From a repository over https, the key is another host's credential.
    commit = repository.commit({"part": submodule(of_part), ".gitmodules": gitmodules({"part": address(git_ssh.url, part.name)})})
    remote = address(git_http.https_url, repository.name)
    assert f'"127.0.0.1:{git_ssh.port}"' in artifact.refused(remote, commit, "--submodules", "direct", status=78)
    made = artifact.make(remote, commit, "--submodules", "direct", "--submodule-host", f"127.0.0.1:{git_ssh.port}=key")
    assert archives.of_zip(made.data)["part/file"][2] == b"over ssh\n"


def test_a_submodule_over_ssh_on_the_repositorys_own_host(artifact, repository, git_http):
    host = git_http.https_url.removeprefix("https://")
    commit = repository.commit({"part": submodule("ab" * 20), ".gitmodules": gitmodules({"part": f"ssh://git@{host}/part"})})
    said = artifact.refused(address(git_http.https_url, repository.name), commit, "--submodules", "direct", status=78)
    assert 'fetching the submodule "part": ' in said and "over ssh" in said and "submoduleHosts" in said, said


@pytest.mark.parametrize("url, status, cause", [
    ("../no-such-repository", 1, "no-such-repository"),
    ("../../../../../../x", 1, "above the host"),
    ("file:///etc", 78, "local path"),
    ("/etc", 78, "local path"),
    ("ext::sh -c id", 78, "address"),
    ("--upload-pack=touch /tmp/x", 78, "address"),
    ("https://somebody:hunter2@127.0.0.1/x", 78, "address"),
], ids=["missing", "above", "file", "path", "helper", "option", "password"])
def test_submodule_addresses_that_cannot_be_fetched(artifact, repository, git_http, url, status, cause):
    commit = repository.commit({"sub/part": submodule("ab" * 20), ".gitmodules": gitmodules({"sub/part": url})})
    said = artifact.refused(address(git_http.https_url, repository.name), commit, "--submodules", "direct", status=status)
    assert 'fetching the submodule "sub/part": ' in said and cause in said and "hunter2" not in said, said


def test_submodule_commits_that_were_never_pushed(artifact, repository, named, git_http):
    part = named("part")
    part.commit({"file": b"x"})
    commit = repository.commit({"sub/part": submodule("ab" * 20), ".gitmodules": gitmodules({"sub/part": f"../{part.name}"})})
    said = artifact.refused(address(git_http.https_url, repository.name), commit, "--submodules", "direct")
    assert 'fetching the submodule "sub/part": ' in said and "ab" * 20 in said and "push" in said, said


def test_submodules_that_gitmodules_does_not_know(artifact, repository, git_http):
    commit = repository.commit({"sub/part": submodule("ab" * 20), "file": b"x"})
    said = artifact.refused(address(git_http.https_url, repository.name), commit, "--submodules", "direct", status=78)
    assert '"sub/part"' in said and ".gitmodules" in said and "artifact.exclude" in said, said
    commit = repository.commit({"sub/part": submodule("ab" * 20), ".gitmodules": b"[submodule \"x\n"})
    said = artifact.refused(address(git_http.https_url, repository.name), commit, "--submodules", "direct")
    assert "reading .gitmodules of the commit " + commit in said, said


# Git LFS

@pytest.fixture
def with_lfs(repository, lfs):
    files = {".gitattributes": lfs_attributes("*.bin", "media/**"), "big.bin": lfs.add(BIG), "media/small.txt": lfs.add(SMALL),
             "again.bin": lfs.add(BIG), "plain.txt": b"plain\n", "empty.bin": b"", "raw.bin": b"never was a pointer\n",
             "pointer.txt": lfs.add(SMALL)}
    commit = repository.commit(files)
    real = {"big.bin": BIG, "again.bin": BIG, "media/small.txt": SMALL}
    expected = {path: (archives.FILE, False, real.get(path, files[path])) for path in files}
    return commit, expected


def test_lfs_content(artifact, repository, lfs, with_lfs, tmp_path):
    commit, expected = with_lfs
    remote = address(lfs.url, repository.name)
    made = artifact.make(remote, commit, "--lfs", cache=tmp_path / "cache")
    assert archives.of_zip(made.data) == expected
    assert len(lfs.calls("download")) == 2  # different ones
    pointers = artifact.make(remote, commit, cache=tmp_path / "cache")
    assert archives.of_zip(pointers.data) == of_commit(repository, commit)

    lfs.forget_calls()
    again = artifact.make(remote, commit, "--lfs", cache=tmp_path / "cache")
    assert again.data == made.data and not lfs.calls()

    later = repository.commit({".gitattributes": lfs_attributes("*.bin"), "big.bin": lfs.add(BIG), "new.bin": lfs.add(b"new")})
    warm = artifact.make(remote, later, "--lfs", cache=tmp_path / "cache")
    assert warm.data == artifact.make(remote, later, "--lfs").data
    assert [call.oids[0] for call in lfs.calls("download")[:1]] == [hashlib.sha256(b"new").hexdigest()]
    assert archives.of_zip(warm.data)["new.bin"][2] == b"new"


def test_only_what_is_selected_is_fetched_from_lfs(artifact, repository, lfs, with_lfs):
    made = artifact.make(address(lfs.url, repository.name), with_lfs[0], "--lfs", "--subdirectory", "media")
    assert archives.of_zip(made.data) == {"small.txt": (archives.FILE, False, SMALL)}
    assert [call.oids[0] for call in lfs.calls("download")] == [hashlib.sha256(SMALL).hexdigest()]


def test_an_lfs_object_that_was_never_pushed(artifact, repository, lfs, with_lfs):
    lfs.remove(SMALL)
    said = artifact.refused(address(lfs.url, repository.name), with_lfs[0], "--lfs")
    assert '"media/small.txt"' in said and "git lfs push" in said, said


def test_lfs_bytes_that_are_not_the_objects(artifact, repository, lfs, with_lfs, tmp_path):
    lfs.trouble("download", wrong_bytes=True)
    said = artifact.refused(address(lfs.url, repository.name), with_lfs[0], "--lfs", cache=tmp_path / "cache")
    assert "SHA-256" in said and ('"big.bin"' in said or '"again.bin"' in said or '"media/small.txt"' in said), said
    lfs.be_well()
    made = artifact.make(address(lfs.url, repository.name), with_lfs[0], "--lfs", cache=tmp_path / "cache")
    assert archives.of_zip(made.data) == with_lfs[1]


@pytest.mark.parametrize("way", ["offered", "redirected"])
def test_lfs_storage_on_another_origin_gets_no_credential(artifact, repository, lfs, with_lfs, authority, way):
    with LfsServer(authority.issue("storage")) as storage:
        storage.objects.update(lfs.objects)
        if way == "offered":
            lfs.storage = storage.url
        else:
            lfs.trouble("download", redirect_to=storage.url)
        made = artifact.make(address(lfs.url, repository.name), with_lfs[0], "--lfs")
        assert archives.of_zip(made.data) == with_lfs[1]
        assert {call.authorization for call in storage.calls()} == {""}


def test_lfs_in_a_submodule(artifact, repository, named, lfs):
    part = named("part")
    of_part = part.commit({".gitattributes": lfs_attributes("*.bin"), "data/big.bin": lfs.add(BIG)})
    commit = repository.commit({".gitattributes": lfs_attributes("*.bin"), "small.bin": lfs.add(SMALL), "part": submodule(of_part),
                                ".gitmodules": gitmodules({"part": f"../{part.name}"})})
    made = artifact.make(address(lfs.url, repository.name), commit, "--lfs", "--submodules", "direct")
    found = archives.of_zip(made.data)
    assert (found["small.bin"][2], found["part/data/big.bin"][2]) == (SMALL, BIG)
    assert {call.path.split("/info/lfs/")[0].rsplit("/", 1)[1] for call in lfs.calls("batch")} == {repository.name, part.name}
    lfs.remove(BIG)
    assert '"part/data/big.bin"' in artifact.refused(address(lfs.url, repository.name), commit, "--lfs", "--submodules", "direct")


def test_lfs_over_ssh_says_what_to_do(artifact, repository, lfs, with_lfs, git_ssh):
    said = artifact.refused(address(git_ssh.url, repository.name), with_lfs[0], "--lfs", credentials="key", status=78)
    assert "LFS" in said and "https" in said, said
    # Without pointers there is nothing to be had.
    plain = repository.commit({"plain.txt": b"x"})
    artifact.make(address(git_ssh.url, repository.name), plain, "--lfs", credentials="key")


def test_a_server_without_lfs(artifact, repository, with_lfs, git_http):
    said = artifact.refused(address(git_http.https_url, repository.name), with_lfs[0], "--lfs")
    assert "LFS" in said and repository.name in said, said


# A .git folder

def git_in(directory, *arguments):
    done = subprocess.run(["git", *arguments], cwd=directory, env={**GIT_ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(directory.parent)},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.strip()


def unpack_with_info_zip(archive, directory):
    subprocess.run(["unzip", "-q", archive, "-d", directory], check=True, env=GIT_ENVIRONMENT)


def unpack_with_python(archive, directory):
    # Loses modes, and makes files of links.
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(directory)


def unpack_with_bsdtar(archive, directory):
    directory.mkdir()
    subprocess.run(["bsdtar", "-x", "-f", archive], check=True, env=GIT_ENVIRONMENT, cwd=directory)


@pytest.mark.parametrize("unpack", [unpack_with_info_zip, unpack_with_python, unpack_with_bsdtar], ids=lambda u: u.__name__[12:])
def test_git_works_in_the_unpacked_artifact(artifact, repository, git_http, tmp_path, unpack):
    tree = {"run.sh": executable(b"#!/bin/sh\n"), "link": symlink("run.sh"), "crlf.txt": b"one\r\ntwo\r\n", "größe": b"x",
            ".gitattributes": b"* text=auto\n*.txt eol=crlf\n", ".gitignore": b"*.o\n", "tracked.o": b"o", "-rf": b"x"}
    for number in range(3):
        commit = repository.commit({**tree, "file": b"%d\n" % number}, message=f"change {number}")
        if number == 0:
            run_git("-c", "user.name=A", "-c", "user.email=a@b", "tag", "-a", "-m", "first", "v1.0", commit, cwd=repository.path)
    made = artifact.make(address(git_http.https_url, repository.name), "main", "--git-metadata")
    assert made.report["commitId"] == commit
    (tmp_path / "a.zip").write_bytes(made.data)
    unpack(tmp_path / "a.zip", tmp_path / "tree")
    assert git_in(tmp_path / "tree", "status", "--porcelain") == ""
    assert git_in(tmp_path / "tree", "log", "-1", "--format=%H %s") == f"{commit} change 2"
    assert git_in(tmp_path / "tree", "describe") == f"v1.0-2-g{commit[:7]}"
    assert git_in(tmp_path / "tree", "branch", "--show-current") == "main"
    assert git_in(tmp_path / "tree", "remote", "get-url", "origin") == address(git_http.https_url, repository.name)
    git_in(tmp_path / "tree", "fsck", "--strict")
    assert GIT_PASSWORD not in "".join(p.read_text(errors="replace") for p in (tmp_path / "tree/.git").rglob("*") if p.is_file())
    (tmp_path / "tree/file").write_bytes(b"changed\n")
    assert git_in(tmp_path / "tree", "status", "--porcelain") == "M file"
    # A pure function of commit, tags and options.
    assert artifact.make(address(git_http.https_url, repository.name), "main", "--git-metadata").data == made.data


def test_git_metadata_with_submodules(artifact, repository, family, git_http, tmp_path):
    commit, parts = family
    made = artifact.make(address(git_http.https_url, repository.name), commit, "--git-metadata", "--submodules", "recursive")
    (tmp_path / "a.zip").write_bytes(made.data)
    unpack_with_info_zip(tmp_path / "a.zip", tmp_path / "tree")
    assert (tmp_path / "tree/libs/near/sub/deep/deep.txt").read_bytes() == b"deep\n"
    assert git_in(tmp_path / "tree", "status", "--porcelain") == ""
    assert git_in(tmp_path / "tree", "rev-parse", "HEAD") == commit
    assert not [name for name in names_in(made.data) if "/.git/" in name]


def test_git_metadata_of_a_part_is_refused(artifact, repository, git_http):
    commit = repository.commit({"a/b": b"x"})
    for option in (("--subdirectory", "a"), ("--include", "a/*"), ("--exclude", "a/*"), ("--export-ignore",)):
        said = artifact.refused(address(git_http.https_url, repository.name), commit, "--git-metadata", *option, status=78)
        assert "whole tree" in said, said


# Which files

def test_export_ignore_is_as_in_git_archive(artifact, repository, git_http):
    commit = repository.commit({
        ".gitattributes": b"*.md export-ignore\n/tests export-ignore\ndocs/** export-ignore\ndocs/keep.txt -export-ignore\n"
                          b".git* export-ignore\n\"with space\" export-ignore\n[attr]hidden export-ignore\nx? hidden\n"
                          b"build/ export-ignore\n",
        ".gitignore": b"x", "README.md": b"x", "src/README.md": b"x", "src/main.c": b"x", "tests/a": b"x", "src/tests/a": b"x",
        "docs/a.txt": b"x", "docs/keep.txt": b"x", "docs/deep/b": b"x", "with space": b"x", "x1": b"x", "xyz": b"x",
        "sub/.gitattributes": b"!*.md\nCHANGES.md !export-ignore\nNOTES.md -export-ignore\nlocal export-ignore\n",
        "sub/CHANGES.md": b"x", "sub/NOTES.md": b"x", "sub/OTHER.md": b"x", "sub/local": b"x", "local": b"x",
        "build/out": b"x", "a/build/out": b"x", "a/build.txt": b"x", "link.md": symlink("x1")})
    remote = address(git_http.https_url, repository.name)
    made = artifact.make(remote, commit, "--export-ignore")
    assert archives.of_zip(made.data) == of_commit(repository, commit)
    assert "src/main.c" in archives.of_zip(made.data)
    whole = set(archives.of_zip(artifact.make(remote, commit).data))
    assert whole == set(run_git("ls-tree", "-r", "-z", "--name-only", commit, cwd=repository.path).decode().split("\0")[:-1])


@pytest.mark.parametrize("options, expected", [
    (("--include", "src/**"), {"src/a.c", "src/a.h", "src/deep/b.c", "src/deep/b.h"}),
    (("--include", "src/*"), {"src/a.c", "src/a.h"}),
    (("--include", "**/*.c", "--exclude", "src/deep/**"), {"src/a.c"}),
    (("--include", "README.md", "--include", "tools/*"), {"README.md", "tools/run me"}),
    (("--exclude", "**/*.{c,h}"), {"README.md", "tools/run me", ".hidden", "größe"}),
    (("--subdirectory", "src", "--include", "*.c"), {"a.c"}),
    (("--subdirectory", "./src//deep/"), {"b.c", "b.h"}),
    (("--include", "nothing"), set()),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_include_and_exclude(artifact, repository, git_http, options, expected):
    names = ("README.md", ".hidden", "größe", "src/a.c", "src/a.h", "src/deep/b.c", "src/deep/b.h", "tools/run me")
    commit = repository.commit({name: b"x" for name in names})
    made = artifact.make(address(git_http.https_url, repository.name), commit, *options)
    assert set(names_in(made.data)) == expected
    if not expected:
        assert "no entries" in made.said, made.said


def test_selections_that_cannot_be_meant(artifact, repository, git_http):
    commit = repository.commit({"a": b"x"})
    remote = address(git_http.https_url, repository.name)
    assert 'the commit has no such folder' in artifact.refused(remote, commit, "--subdirectory", "b", status=78)
    assert '".." is not allowed' in artifact.refused(remote, commit, "--subdirectory", "../b", status=78)
    assert '"[a"' in artifact.refused(remote, commit, "--include", "[a", status=78)


# Revisions

def test_tags_are_peeled(artifact, repository, git_http):
    commit = repository.commit({"a": b"x"})
    repository.commit({"a": b"later"})
    identity = ("-c", "user.name=A", "-c", "user.email=a@b")
    run_git("tag", "light", commit, cwd=repository.path)
    run_git(*identity, "tag", "-a", "-m", "x", "annotated", commit, cwd=repository.path)
    run_git(*identity, "tag", "-a", "-m", "x", "nested", "annotated", cwd=repository.path)
    run_git("tag", "of-tree", f"{commit}^{{tree}}", cwd=repository.path)
    remote = address(git_http.https_url, repository.name)
    for name in ("light", "annotated", "nested"):
        for options in ((), ("--git-metadata",)):
            made = artifact.make(remote, f"refs/tags/{name}", *options)
            assert made.report["commitId"] == commit
            assert archives.of_zip(made.data)["a"][2] == b"x"
    assert "refs/tags/annotated" in artifact.refused(remote, "annotated")
    said = artifact.refused(remote, "refs/tags/of-tree")
    assert "no commit" in said, said


def test_repositories_and_trees_without_anything(artifact, repository, git_http):
    remote = address(git_http.https_url, repository.name)
    for revision in ("main", "refs/tags/v1", "ab" * 20):
        said = artifact.refused(remote, revision)
        assert repository.name in said and (revision in said or "this commit" in said), said
    commit = repository.commit({})
    made = artifact.make(remote, commit)
    assert names_in(made.data) == [] and made.report["entries"] == 0
    assert "no entries" in made.said, made.said
    with_metadata = artifact.make(remote, commit, "--git-metadata")
    assert ".git/HEAD" in names_in(with_metadata.data)


# Names

def test_odd_names_over_https(artifact, repository, git_http, tmp_path):
    items = odd_repository.items_of((odd_repository.names, odd_repository.control_characters, odd_repository.long_paths,
                                     odd_repository.longest_path, odd_repository.no_unicode))
    commit = odd_repository.commit(repository, items)
    made = artifact.make(address(git_http.https_url, repository.name), commit)
    (tmp_path / "a.zip").write_bytes(made.data)
    assert zip_readers.python(tmp_path / "a.zip", None) == odd_repository.expected_contents(repository, commit, items)


def test_links_outside_and_names_that_differ_in_case_are_kept_and_warned_about(artifact, repository, git_http, tmp_path):
    commit = repository.commit({"up": symlink("../x"), "deep/up": symlink("../../etc/passwd"), "root": symlink("/etc/passwd"),
                                "deep/fine": symlink("../README"), "README": b"x", "readme": b"y", "Src/a": b"x", "src/a": b"y",
                                "new\nline": symlink("/a\nb")})
    remote = address(git_http.https_url, repository.name)
    for _ in range(2):  # also when all of it is taken over from the last one
        made = artifact.make(remote, commit, cache=tmp_path / "cache")
        assert archives.of_zip(made.data) == of_commit(repository, commit)
        warnings = [line for line in made.said.splitlines() if line.startswith("warning: ")]
        assert len(warnings) == 6, made.said
        for link, target in (("up", "../x"), ("deep/up", "../../etc/passwd"), ("root", "/etc/passwd")):
            assert f'warning: the link "{link}" points outside of the artifact, to "{target}"' in warnings
        for name in ('"readme"', '"src"'):
            assert sum(name in line and "upper and lower case" in line for line in warnings) == 1, warnings
    later = repository.commit({"up": symlink("../x"), "other": b"x"})
    assert made.said.count("warning: ") == 6
    assert artifact.make(remote, later, cache=tmp_path / "cache").said.count("warning: ") == 1
    for setting, name in (("outside-links", "deep/up"), ("case-clashes", "readme")):
        said = artifact.refused(remote, commit, f"--{setting}", "refuse")
        assert f'"{name}"' in said and "`artifact." in said, said


def hostile_tree(repository, *entries):
    """A commit with a tree that git itself would not write: (mode, name, blob or tree id)."""
    raw = b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(object_id)) for mode, name, object_id in entries)
    tree = run_git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", cwd=repository.path, data=raw).decode().strip()
    commit = run_git("-c", "user.name=A", "-c", "user.email=a@b", "commit-tree", "-m", "x", tree, cwd=repository.path).decode().strip()
    run_git("update-ref", "refs/heads/main", commit, cwd=repository.path)
    return commit


HOSTILE = {
    "parent": b"..", "self": b".", "git": b".git", "capital-git": b".Git", "short-git": b"git~1", "ntfs-stream": b".git::$INDEX",
    "hfs": ".g\u200cit".encode(), "absolute": b"/etc/passwd", "slash": b"a/b", "climbing": b"../../x",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("level", ["top", "below"])
def test_hostile_names_are_refused(artifact, repository, git_http, kind, level):
    name = HOSTILE[kind]
    blob = run_git("hash-object", "-w", "--stdin", cwd=repository.path, data=b"x").decode().strip()
    commit = hostile_tree(repository, (b"100644", name, blob))
    shown = name.decode()
    if level == "below":
        commit = hostile_tree(repository, (b"40000", b"folder", run_git("rev-parse", f"{commit}^{{tree}}", cwd=repository.path).decode().strip()))
        shown = "folder/" + shown
    said = artifact.refused(address(git_http.https_url, repository.name), commit)
    assert f'"{shown}"' in said and "refused" in said, said


def test_hostile_entries_are_refused(artifact, repository, git_http):
    blob = run_git("hash-object", "-w", "--stdin", cwd=repository.path, data=b"x").decode().strip()
    tree = run_git("mktree", cwd=repository.path, data=f"100644 blob {blob}\tin\n".encode()).decode().strip()
    remote = address(git_http.https_url, repository.name)
    for entries in (((b"100644", b"twice", blob), (b"100644", b"twice", blob)),
                    ((b"100644", b"twice", blob), (b"40000", b"twice", tree)),
                    ((b"100644", b"twice", blob), (b"100644", b"twice.c", blob), (b"40000", b"twice", tree))):
        said = artifact.refused(remote, hostile_tree(repository, *entries))
        assert '"twice"' in said and "twice" in said, said
    assert '"device"' in artifact.refused(remote, hostile_tree(repository, (b"20000", b"device", blob)))
    said = artifact.refused(remote, hostile_tree(repository, (b"100644", b"", blob)))
    assert "malformed" in said, said  # git's own server does not give it out
    # The same in a submodule.
    commit = hostile_tree(repository, (b"100644", b"..", blob))
    outer = make_repository(git_http.root, ORGANIZATION, PROJECT, repository.name + "-outer")
    outer_commit = outer.commit({"sub": submodule(commit), ".gitmodules": gitmodules({"sub": f"../{repository.name}"})})
    said = artifact.refused(address(git_http.https_url, repository.name + "-outer"), outer_commit, "--submodules", "direct")
    assert 'the submodule "sub": ' in said and '".."' in said, said


def test_many_files(artifact, repository, git_http, tmp_path, record_property):
    stream = bytearray(b"commit refs/heads/main\ncommitter B <b@northwind.example> 1750000000 +0000\ndata 1\nx\n")
    for number in range(FILES):
        stream += b"M 644 inline d%02d/e%02d/file%d.txt\ndata 7\n%06d\n\n" % (number % 40, number % 97, number, number)
    run_git("fast-import", "--quiet", cwd=repository.path, data=bytes(stream))
    remote, cache = address(git_http.https_url, repository.name), tmp_path / "cache"
    made = artifact.make(remote, "main", cache=cache, timeout=600)
    begin = time.monotonic()
    again = artifact.make(remote, "main", cache=cache, timeout=600)
    record_property("warm_seconds", time.monotonic() - begin)
    record_property("cold_seconds", made.report["fetchSeconds"] + made.report["zipSeconds"])
    assert made.report["entries"] == FILES and again.data == made.data
    with zipfile.ZipFile(io.BytesIO(made.data)) as opened:
        assert len(opened.namelist()) == FILES
        assert opened.read(f"d{(FILES - 1) % 40:02}/e{(FILES - 1) % 97:02}/file{FILES - 1}.txt") == b"%06d\n" % (FILES - 1)


# Through the server

def source_job(sandbox, penstock, repository, pipeline):
    answer = penstock.accept(payloads.push([payloads.ref_update("main", repository.head())], repository.name))
    trigger, = penstock.started(answer["deliveryId"])
    action = sandbox.finished_action(pipeline, trigger["pipelineExecutionId"])
    return action, penstock.finished_job(trigger["pipelineExecutionId"])


def test_a_job_with_submodules_and_lfs(sandbox, make_penstock, repository, named, elsewhere, lfs, other_git, authority):
    part = named("part")
    of_part = part.commit({".gitattributes": lfs_attributes("*.bin"), "big.bin": lfs.add(BIG)})
    _, library = elsewhere
    tree = run_git("ls-tree", "-r", "main", cwd=repository.path).decode()
    of_library = next(line.split()[2] for line in tree.splitlines() if line.endswith("third party/library"))
    repository.commit({
        ".gitattributes": lfs_attributes("*.bin"), "small.bin": lfs.add(SMALL), "part": submodule(of_part),
        "third party/library": submodule(of_library), "out": symlink("/etc/hostname"), "A": b"x", "a": b"y",
        ".gitmodules": gitmodules({"part": f"../{part.name}", "third party/library": address(other_git.https_url, repository.name)})})
    pipeline = "contents"
    sandbox.create_pipeline(pipeline, "main", repository.name)
    penstock = make_penstock([webhook(pipeline, pipeline)], remote=lfs.url + "/{Organization}/{Project}/_git/{Repo}",
                             environment={"OTHER_PASSWORD": OTHER_PASSWORD})
    penstock.configuration["credentials"]["other"] = {"type": "PAT", "token": {"secret": "env:OTHER_PASSWORD"}}
    host = other_git.https_url.removeprefix("https://")
    penstock.configuration["workers"][0]["artifact"] = {"submodules": "recursive", "lfs": True, "submoduleHosts": {host: "other"}}
    penstock.write_configuration()
    checked = run("check", "--config", penstock.config_file, env=penstock.environment)
    assert checked.returncode == 0, checked.stderr
    penstock.start()
    action, job = source_job(sandbox, penstock, repository, pipeline)
    assert action["status"] == "Succeeded", action["output"]
    found = archives.of_zip(sandbox.artifact(action))
    assert (found["small.bin"][2], found["part/big.bin"][2]) == (SMALL, BIG)
    assert library.items() <= found.items() and {"A", "a"} <= set(found)
    log = penstock.job_log(job["id"])
    assert 'warning: the link "out" points outside of the artifact, to "/etc/hostname"' in log, log
    assert 'warning: "a" differs' in log, log
    for text in (log, str(job), penstock.log()):
        assert OTHER_PASSWORD not in text

    # Refused, if that is what is configured.
    for setting, name in (("outsideLinks", '"out"'), ("caseClashes", '"a"')):
        penstock.configuration["workers"][0]["artifact"] = {"submodules": "recursive", "submoduleHosts": {host: "other"}, setting: "refuse"}
        penstock.write_configuration()
        penstock.process.terminate()
        penstock.start()
        repository.commit({**{path: b"x" for path in ("A", "a")}, "out": symlink("/etc/hostname")}, message=setting)
        action, job = source_job(sandbox, penstock, repository, pipeline)
        assert action["status"] == "Failed" and job["failure"]["type"] == "JobFailed", job
        assert name in job["failure"]["message"] and f"`artifact.{setting}: refuse`" in job["failure"]["message"], job["failure"]


def test_a_job_whose_submodule_is_on_a_host_that_was_not_allowed(sandbox, make_penstock, repository, elsewhere, other_git):
    pipeline = "contents-refused"
    sandbox.create_pipeline(pipeline, "main", repository.name)
    penstock = make_penstock([webhook(pipeline, pipeline)])
    penstock.configuration["workers"][0]["artifact"] = {"submodules": "direct"}
    penstock.write_configuration()
    penstock.start()
    action, job = source_job(sandbox, penstock, repository, pipeline)
    assert action["status"] == "Failed" and job["failure"]["type"] == "ConfigurationError", job
    for message in (job["failure"]["message"], action["output"]["executionResult"]["errorDetails"]["message"]):
        assert '"third party/library"' in message and "`artifact.submoduleHosts`" in message, message


def test_the_credential_of_a_submodules_host_is_read_again_when_it_is_refused(sandbox, make_penstock, repository, other_root,
                                                                              authority, tmp_path):
    with contextlib.closing(GitHttpServer(tmp_path / "far-nginx", other_root, authority.issue("far"), "nobody-7d19")) as far:
        library = make_repository(other_root, ORGANIZATION, PROJECT, repository.name)
        (tmp_path / "far-token").write_text("first-c40e")
        far.accept(basic("", "first-c40e"))
        pipeline, host = "contents-rotated", far.https_url.removeprefix("https://")
        sandbox.create_pipeline(pipeline, "main", repository.name)
        penstock = make_penstock([webhook(pipeline, pipeline)])
        penstock.configuration["credentials"] |= {
            "far": {"type": "PAT", "token": {"secret": f"file:{tmp_path}/far-token"}},
            "azure-2": penstock.configuration["credentials"]["azure"]}
        penstock.configuration["workers"][0] |= {"credentials": ["azure", "azure-2"],
                                                 "artifact": {"submodules": "direct", "submoduleHosts": {host: "far"}}}
        penstock.write_configuration()
        penstock.start()

        def push(content):
            repository.commit({"library": submodule(library.commit({"file": content})),
                               ".gitmodules": gitmodules({"library": address(far.https_url, repository.name)})})
            return source_job(sandbox, penstock, repository, pipeline)
        action, _ = push(b"one")
        assert action["status"] == "Succeeded", action["output"]
        far.revoke(basic("", "first-c40e"))
        far.accept(basic("", "second-a55b"))
        (tmp_path / "far-token").write_text("second-a55b")
        action, job = push(b"two")
        assert action["status"] == "Succeeded", action["output"]
        assert archives.of_zip(sandbox.artifact(action))["library/file"][2] == b"two"
        assert "was refused, trying it freshly read" in penstock.job_log(job["id"])

        # The repository's credentials are not blamed for it, nor tried in turn.
        far.revoke(basic("", "second-a55b"))
        action, job = push(b"three")
        assert action["status"] == "Failed" and job["failure"]["type"] == "PermissionError", job
        message, log = job["failure"]["message"], penstock.job_log(job["id"])
        assert message.startswith('fetching the submodule "library": ') and "`artifact.submoduleHosts`" in message, message
        assert '"azure' not in log and "second-a55b" not in log + message, log
