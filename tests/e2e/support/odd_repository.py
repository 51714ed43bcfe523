"""A repository with everything that git allows in a tree and readers of archives stumble over.

Names are bytes. Each kind of content is one function that returns {name: Item}. For what an artifact shall hold otherwise
than git archive does, as the object behind an LFS pointer or a submodule's files, an item says what that is.
"""

import hashlib
import io
import tarfile
from dataclasses import dataclass

from support.lfs_server import lfs_attributes
from support.repositories import run_git

FILE, EXECUTABLE, LINK = "100644", "100755", "120000"


@dataclass(frozen=True)
class Item:
    mode: str
    content: bytes  # as committed; a submodule's (mode 160000) is the commit's id
    instead: dict | None = None  # {name: Content} that takes its place in the artifact


@dataclass(frozen=True)
class Content:
    """What a reader found under a name. What it cannot tell is None."""
    sha256: str  # of the file's bytes, or of the link's target
    is_link: bool | None = None
    executable: bool | None = None


def content_of(data, is_link=None, executable=None):
    return Content(hashlib.sha256(data).hexdigest(), is_link, executable)


def ordinary():
    return {
        b"README.md": Item(FILE, b"# Kaimauer\n"),
        b"a/deeply/nested/path/leaf": Item(FILE, b"leaf\n"),
        b"deploy/run.sh": Item(EXECUTABLE, b"#!/bin/sh\nexec true\n"),
        b"crlf.txt": Item(FILE, b"one\r\ntwo\r\n"),
        b"no newline at the end": Item(FILE, b"x"),
        b".gitignore": Item(FILE, b"ignored\n*.o\n"),
        b"ignored": Item(FILE, b"tracked all the same\n"),
        b"module.o": Item(FILE, b"\x7fELF"),
        b".hidden/.file": Item(FILE, b"hidden\n"),
        b".github/workflows/build.yml": Item(FILE, b"on: push\n"),
        b"Makefile": Item(FILE, b"all:\n"),
        b"makefile": Item(FILE, b"all: differs in case only\n"),
    }


def sizes():
    return {
        b"empty": Item(FILE, b""),
        b"empty.sh": Item(EXECUTABLE, b""),
        b"zeros": Item(FILE, bytes(2_000_000)),
        b"random.png": Item(FILE, hashlib.shake_256(b"incompressible").digest(3_000_000)),
        # Above what is streamed instead of held, one that compresses and one that does not.
        b"large.txt": Item(FILE, hashlib.shake_256(b"text").hexdigest(1_000_000).encode() * 21),
        b"large.bin": Item(FILE, hashlib.shake_256(b"large").digest(41_000_000)),
    }


def links():
    return {
        b"links/relative": Item(LINK, b"../deploy/run.sh"),
        b"links/folder": Item(LINK, b"../deploy"),
        b"links/dangling": Item(LINK, b"nowhere/at all"),
        b"links/itself": Item(LINK, b"itself"),
        b"links/outside": Item(LINK, b"../../../outside"),
        b"links/absolute": Item(LINK, b"/etc/hostname"),
        "links/größe".encode(): Item(LINK, "../Länge".encode()),
    }


def names():
    found = (
        b"name with spaces.txt", b"  leading spaces", b"trailing space ", b"trailing dot.", b"-leading-dash", b"--", b"-rf *",
        b"quotes '\"`", b"$HOME ${x} $(y)", b"semi;colon", b"star*question?", b"<angle>|pipe", b"[bracket]{brace}", b"at@file",
        b"hash#percent%20", b"tilde~", b"~", b"#!", b"con", b"aux.txt", b"a:b", b"comma,", b"x=y&z", b"back\\slash",
        "größe – ñ 日本 Привет".encode(),
        "nfc/é".encode(), "nfd/e\u0301".encode(),
        "emoji/🚢⚓️".encode(), "emoji/👩‍👩‍👧".encode(), "rtl/\u202eabc".encode(), "wide/\U0010fffd".encode(),
        "bom/\ufeffname".encode(), "nbsp/a\u00a0b".encode(),
    )
    return {name: Item(FILE, b"named " + name) for name in found}


def control_characters():
    return {b"new\nline": Item(FILE, b"\n"), b"tab\there": Item(FILE, b"\t"), b"carriage\rreturn": Item(FILE, b"\r"),
            b"escape\x1b[31m": Item(FILE, b"\x1b"), b"delete\x7f": Item(FILE, b"\x7f")}


def no_unicode():
    """Names that are no UTF-8; zip has no way to say in which encoding they are."""
    return {"größe".encode("latin-1"): Item(FILE, b"latin-1\n"), b"bytes/\x80\x9f\xfe": Item(FILE, b"bytes\n"),
            b"cut/\xe2\x82": Item(FILE, b"half a euro sign\n")}


def long_paths():
    return {b"z" * 255: Item(FILE, b"255\n"), ("ü" * 127).encode(): Item(FILE, b"254 bytes\n"), b"deep/" * 200 + b"leaf": Item(FILE, b"1004\n")}


def longest_path():
    """As long as a system call takes a path."""
    name = b"/".join([b"x" * 199] * 20)
    assert len(name) == 3999
    return {name + b"y": Item(FILE, b"4000\n")}


def lfs_objects(server, folder):
    """Pointers whose objects the server has."""
    objects = {b"text.bin": (FILE, b"compressible\n" * 200_000), b"random.bin": (FILE, hashlib.shake_256(b"lfs").digest(2_500_000)),
               b"run.bin": (EXECUTABLE, b"#!/bin/sh\n"), "größe 🚢.bin".encode(): (FILE, b"named oddly\n"),
               b"empty.bin": (FILE, b"")}

    def items():
        found = {folder + b".gitattributes": Item(FILE, lfs_attributes("*.bin"))}
        for name, (mode, content) in objects.items():
            path = folder + name
            # An empty file is its own pointer.
            pointer = server.add(content) if content else b""
            found[path] = Item(mode, pointer, {path: content_of(content, False, mode == EXECUTABLE)})
        return found
    return items


def submodules(make_library, server):
    """Two libraries, of which one has LFS objects and the other one below it; `make_library(name)` makes repositories."""
    def items():
        leaf, near = make_library("leaf"), make_library("near")

        def at(place, library, content):
            revision = commit(library, content)
            found = expected_contents(library, revision, content)
            return {place: Item("160000", revision.encode(), {place + b"/" + name: what for name, what in found.items()})}
        of_leaf = {b"leaf": Item(FILE, b"leaf\n")}
        of_near = items_of((ordinary, links, control_characters, lfs_objects(server, b"lfs/")))
        of_near |= at(b"below", leaf, of_leaf)
        of_near |= {b".gitmodules": Item(FILE, b'[submodule "below"]\n\tpath = below\n\turl = ../leaf\n')}
        return at("libs/größe".encode(), leaf, of_leaf) | at(b"libs/near", near, of_near) | {b".gitmodules": Item(
            FILE, '[submodule "a"]\n\tpath = libs/größe\n\turl = ../leaf\n[submodule "b"]\n\tpath = libs/near\n'
                  '\turl = ../near\n'.encode())}
    return items


# What is UTF-8, and so read alike by all.
KINDS = (ordinary, sizes, links, names, control_characters, long_paths, longest_path)


def quoted(name):
    return b'"' + b"".join(b"\\%03o" % byte if byte < 32 or byte > 126 or byte in b'"\\' else bytes([byte]) for byte in name) + b'"'


def commit(repository, items, branch="main"):
    """The tree of `items` as a commit; its id."""
    stream = bytearray(b"commit refs/heads/%s\ncommitter B <b@northwind.example> 1750000000 +0000\ndata 1\nx\ndeleteall\n"
                       % branch.encode())
    for name, item in items.items():
        if item.mode == "160000":
            stream += b"M 160000 %s %s\n" % (item.content, quoted(name))
        else:
            stream += b"M %s inline %s\ndata %d\n%s\n" % (item.mode.encode(), quoted(name), len(item.content), item.content)
    # Nobody keeps this repository: its pack need not be small.
    run_git("-c", "core.compression=0", "-c", "fastimport.unpackLimit=0", "-c", "core.bigFileThreshold=1m", "fast-import",
            "--quiet", "--force", cwd=repository.path, data=bytes(stream))
    return repository.head(branch)


def items_of(kinds):
    return {name: item for kind in kinds for name, item in kind().items()}


def expected_contents(repository, revision, items):
    """{name: Content} of what the artifact must hold: what git archive makes of it, but for what items say."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(repository.archive(revision))) as archive:
        for member in archive:
            name = member.name.encode("utf-8", "surrogateescape")
            if member.issym():
                found[name] = content_of(member.linkname.encode("utf-8", "surrogateescape"), is_link=True)
            elif member.isfile():
                found[name] = content_of(archive.extractfile(member).read(), False, bool(member.mode & 0o111))
    for name, item in items.items():
        if item.instead is not None:
            found.pop(name, None)
            found |= item.instead
    return found
