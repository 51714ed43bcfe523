"""Bare git repositories with the same commit ids in every run."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ZERO_ID = "0" * 40

GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def run_git(*arguments, cwd=None, data=None):
    """Standard output of git, as bytes."""
    return subprocess.run(["git", *map(str, arguments)], cwd=cwd, input=data, env=GIT_ENVIRONMENT, check=True,
                          capture_output=True).stdout


@dataclass(frozen=True)
class File:
    content: bytes
    mode: str = "100644"


def executable(content):
    return File(content, "100755")


def symlink(target):
    return File(target.encode(), "120000")


def submodule(commit):
    return File(commit.encode(), "160000")


class Repository:
    def __init__(self, path):
        self.path = Path(path)
        run_git("init", "--quiet", "--bare", "--initial-branch=main", self.path)
        # As Azure Repos does: fetching a commit by its id is allowed.
        run_git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=self.path)
        run_git("config", "gc.auto", "0", cwd=self.path)
        self._clock = 1_750_000_000

    def commit(self, files, branch="main", message="a change", parent=None):
        """Replaces the whole tree of `branch`; returns the commit id. Values are bytes or File."""
        self._clock += 60
        ref = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
        stream = bytearray()
        stream += f"commit {ref}\n".encode()
        stream += f"author Ada Lindqvist <ada@northwind.example> {self._clock} +0200\n".encode()
        stream += f"committer Build Robot <robot@northwind.example> {self._clock + 5} +0000\n".encode()
        text = message.encode()
        stream += b"data %d\n%s\n" % (len(text), text)
        parent = parent or self.head(branch)
        if parent:
            stream += f"from {parent}\n".encode()
        stream += b"deleteall\n"
        for path, value in files.items():
            value = value if isinstance(value, File) else File(value)
            quoted = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            if value.mode == "160000":
                stream += f'M 160000 {value.content.decode()} "{quoted}"\n'.encode()
                continue
            stream += f'M {value.mode} inline "{quoted}"\n'.encode()
            stream += b"data %d\n%s\n" % (len(value.content), value.content)
        run_git("fast-import", "--quiet", "--force", "--date-format=raw", cwd=self.path, data=bytes(stream))
        return self.head(branch)

    def head(self, branch="main"):
        ref = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
        run = subprocess.run(["git", "rev-parse", "--verify", "--quiet", ref], cwd=self.path, env=GIT_ENVIRONMENT,
                             capture_output=True, text=True, check=False)
        return run.stdout.strip()

    def archive(self, revision):
        """What `git archive` makes of it, as a tar."""
        return run_git("archive", "--format=tar", revision, cwd=self.path)
