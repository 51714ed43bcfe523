"""What is in an archive, read by tools that have nothing to do with ours."""

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

from support.repositories import GIT_ENVIRONMENT

# path -> (kind, executable, content or link target)
FILE, LINK = "file", "link"


def of_tar(data):
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            if member.issym():
                found[member.name] = (LINK, False, member.linkname.encode())
            elif member.isfile():
                found[member.name] = (FILE, bool(member.mode & 0o111), archive.extractfile(member).read())
    return found


def of_zip(data):
    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = [info.filename for info in archive.infolist()]
        assert len(names) == len(set(names)), "an entry appears twice"
        for info in archive.infolist():
            if info.is_dir():
                continue
            assert info.create_system == 3, "modes count only in archives made by Unix"
            mode = info.external_attr >> 16
            content = archive.read(info)
            if stat.S_ISLNK(mode):
                found[info.filename] = (LINK, False, content)
            else:
                assert stat.S_ISREG(mode), (info.filename, oct(mode))
                found[info.filename] = (FILE, bool(mode & 0o111), content)
    return found


def of_unzip(data, directory):
    """What Info-ZIP's unzip makes of it on disk."""
    directory = Path(directory)
    directory.mkdir(parents=True)
    (directory / "archive.zip").write_bytes(data)
    subprocess.run(["unzip", "-q", "archive.zip", "-d", "tree"], cwd=directory, check=True, env=GIT_ENVIRONMENT)
    tree, found = directory / "tree", {}
    for folder, folders, files in os.walk(os.fsencode(tree)):
        for name in files + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            path = os.path.join(folder, name)
            key = os.fsdecode(os.path.relpath(path, os.fsencode(tree)))
            if os.path.islink(path):
                found[key] = (LINK, False, os.readlink(path))
            else:
                found[key] = (FILE, bool(os.stat(path).st_mode & 0o111), Path(os.fsdecode(path)).read_bytes())
    return found
