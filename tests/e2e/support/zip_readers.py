"""What different programs find in a zip file, as {name: Content}; names are bytes."""

import os
import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

from support.odd_repository import Content, content_of
from support.repositories import GIT_ENVIRONMENT

SEVEN_ZIP = shutil.which("7zz") or shutil.which("7z")
READER = Path(__file__).with_name("ReadZip.java")
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def python(archive, _):
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            # Without the UTF-8 flag Python takes names for code page 437, of which each byte is a character.
            name = entry.filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
            mode = entry.external_attr >> 16
            content = opened.read(entry)  # checks the CRC
            if stat.S_ISLNK(mode):
                found[name] = content_of(content, is_link=True)
            elif not entry.is_dir():
                found[name] = content_of(content, False, bool(mode & 0o111))
    return found


def _java(how, charset, archive):
    done = subprocess.run(["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", READER, how, charset, archive],
                          env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, digest = line.split(" ")
        name = bytes.fromhex(name)
        assert name not in found, f"{name!r} appears twice"
        found[name] = Content(digest)
    return found


def _java_bytes(how, archive):
    # Latin-1 takes each byte of a name without the flag for a character; those with the flag are UTF-8 in any case.
    found = {}
    with zipfile.ZipFile(archive) as opened:
        flagged = {entry.filename.encode() for entry in opened.infolist() if entry.flag_bits & 0x800}
    for name, content in _java(how, "ISO-8859-1", archive).items():
        found[name if name in flagged else name.decode().encode("latin-1")] = content
    return found


def java_file(archive, _):
    return _java("file", "UTF-8", archive)


def java_stream(archive, _):
    return _java("stream", "UTF-8", archive)


def java_file_latin_1(archive, _):
    return _java_bytes("file", archive)


def java_stream_latin_1(archive, _):
    return _java_bytes("stream", archive)


def _of_tree(tree):
    tree, found = os.fsencode(tree), {}

    # 7-Zip takes the folder that it extracts to for the root of absolute links.
    def target(link):
        return link.removeprefix(tree)

    # By descriptors, since the longest paths are longer than a path may be in a system call.
    def read(folder, prefix):
        for entry in os.scandir(folder):
            raw = os.fsencode(entry.name)
            name = prefix + raw
            status = os.stat(raw, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                below = os.open(raw, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                try:
                    read(below, name + b"/")
                finally:
                    os.close(below)
            elif stat.S_ISLNK(status.st_mode):
                found[name] = content_of(target(os.readlink(raw, dir_fd=folder)), is_link=True)
            else:
                with open(os.open(raw, os.O_RDONLY, dir_fd=folder), "rb") as file:
                    found[name] = content_of(file.read(), False, bool(status.st_mode & 0o111))

    top = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        read(top, b"")
    finally:
        os.close(top)
    return found


def _extracted(argv, directory, statuses=(0,)):
    tree = Path(directory)
    tree.mkdir()
    done = subprocess.run([str(a) for a in argv], cwd=tree, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=120)
    assert done.returncode in statuses, (done.returncode, (done.stdout + done.stderr)[-3000:])
    found = _of_tree(tree)
    shutil.rmtree(tree)
    return found, done.stderr


def unzip(archive, directory):
    # -^: keep control characters in names, which it removes otherwise.
    return _extracted(["unzip", "-q", "-^", archive], directory)[0]


def bsdtar(archive, directory):
    return _extracted(["bsdtar", "-x", "-f", archive], directory)[0]


def seven_zip(archive, directory):
    found, errors = _extracted([SEVEN_ZIP, "x", "-y", "-bd", "-bso0", archive], directory, (0, 2))
    # Of links that might lead out of the folder it only says what they are, and leaves an empty file.
    for name, target in re.findall(rb"Dangerous link path was ignored : (.*) : (.*)", errors):
        assert found[name] == content_of(b"", False, False)
        found[name] = content_of(target, is_link=True)
    return found
