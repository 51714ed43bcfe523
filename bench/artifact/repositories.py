"""Repositories for the bench, the same in every run: made by git fast-import and kept for the next run."""

import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SEED = 20261121
_CORPUS_BYTES = 48_000_000  # of which small repositories need a part
_BINARY_SHARE = 0.05  # of the files: formats that are compressed already


@dataclass(frozen=True)
class Shape:
    name: str
    files: int
    megabytes: int
    commits: int


SHAPES = {shape.name: shape for shape in (
    Shape("small", 200, 2, 500),
    Shape("medium", 5_000, 60, 3_000),
    Shape("large", 40_000, 600, 50),
    Shape("huge", 120_000, 1_800, 1),
)}


def _git(path, *arguments):
    done = subprocess.run(["git", "-C", str(path), *arguments], check=True, capture_output=True)
    return done.stdout.decode().strip()


class _Contents:
    """Source-like text of words, each piece from another place of one long text; some noise."""

    def __init__(self, chance, size_wanted):
        self._chance = chance
        words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz_", k=chance.randint(2, 12))) for _ in range(6_000)]
        lines, size = [], 0
        while size < min(_CORPUS_BYTES, 4 * size_wanted):
            line = "  " * chance.randint(0, 5) + " ".join(chance.choices(words, k=chance.randint(2, 12))) + "\n"
            lines.append(line)
            size += len(line)
        self._text = "".join(lines).encode()

    def make(self, mean, binary):
        size = max(16, int(self._chance.expovariate(1 / mean)))
        if binary:
            return self._chance.randbytes(size)
        begin = self._chance.randrange(len(self._text) // 2)
        # Numbers make each file its own, as far as a compressor is concerned.
        return b"%d\n" % self._chance.getrandbits(64) + self._text[begin:begin + size]


def _write(stream, shape):
    chance = random.Random(_SEED)
    contents = _Contents(chance, shape.megabytes * 1_000_000)
    mean = shape.megabytes * 1e6 / shape.files
    binary = [chance.random() < _BINARY_SHARE for _ in range(shape.files)]
    names = [f"services/s{i % 61:02}/module{i // 61 % 29:02}/{'image' if binary[i] else 'source'}{i:06}"
             f".{'png' if binary[i] else chance.choice(('cs', 'ts', 'json', 'md'))}" for i in range(shape.files)]
    changed = range(shape.files)
    for number in range(shape.commits):
        stream.write(b"commit refs/heads/main\ncommitter B <b@northwind.example> %d +0000\ndata 7\nchange\n\n"
                     % (1_700_000_000 + 60 * number))
        for index in changed:
            content = contents.make(mean, binary[index])
            stream.write(b"M 644 inline %s\ndata %d\n%s\n" % (names[index].encode(), len(content), content))
        changed = [chance.randrange(shape.files) for _ in range(3)]
    stream.write(b"done\n")


def make(shape, directory):
    """The bare repository of that shape, made unless it is there. Its branch is `main`."""
    path = Path(directory) / f"{shape.name}-{_SEED}.git"
    if path.exists():
        return path
    draft = path.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _git(draft, "init", "-q", "--bare", "-b", "main")
    importer = subprocess.Popen(["git", "-C", str(draft), "fast-import", "--quiet", "--done"], stdin=subprocess.PIPE)
    with importer.stdin:
        _write(importer.stdin, shape)
    if importer.wait() != 0:
        raise RuntimeError("git fast-import failed")
    _git(draft, "-c", "pack.threads=2", "repack", "-q", "-a", "-d", "--window=10")
    draft.rename(path)
    return path


class Checkout:
    """A copy of such a repository for one run, to which commits can be pushed."""

    def __init__(self, original, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", str(original), str(self.path)], check=True)
        for name, value in (("http.uploadpack", "true"), ("uploadpack.allowAnySHA1InWant", "true")):
            _git(self.path, "config", name, value)
        self._pushes = 0

    @property
    def head(self):
        return _git(self.path, "rev-parse", "refs/heads/main")

    def push_three_files(self):
        """One commit that changes two files and adds one; its id."""
        self.publish(self.prepare(1)[0])
        return self.head

    def prepare(self, count):
        """Commits of three files each, one upon the other, that no ref names yet; their ids."""
        stream = bytearray()
        parent = self.head
        for _ in range(count):
            self._pushes += 1
            message = f"push to {self.path.name}".encode()  # so that copies have commits of their own
            stream += b"commit refs/heads/next\ncommitter B <b@northwind.example> %d +0000\ndata %d\n%s\n" % (
                1_800_000_000 + self._pushes, len(message), message)
            if parent:
                stream += b"from %s\n" % parent.encode()
                parent = None
            for i in range(3):
                name = f"services/s{(7 * self._pushes + i) % 61:02}/module00/changed{i}.ts"
                content = b"// %d\n" % self._pushes * 200
                stream += b"M 644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content)
        subprocess.run(["git", "-C", str(self.path), "fast-import", "--quiet", "--force"], input=bytes(stream), check=True)
        made = _git(self.path, "rev-list", "--reverse", f"{self.head}..refs/heads/next").split()
        _git(self.path, "update-ref", "-d", "refs/heads/next")
        return made

    def publish(self, commit):
        """Moves the branch there, as a push does at its end."""
        draft = self.path / "refs/heads/main.lock"
        draft.write_text(commit + "\n")
        draft.rename(self.path / "refs/heads/main")
