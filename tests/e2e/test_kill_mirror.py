"""kill -9 of git, of penstock, or of all of them at random moments over one mirror: the next run always succeeds, and
fetches only what is new.

PENSTOCK_E2E_MIRROR_KILLS sets how often (40; 2,000 for the record), PENSTOCK_E2E_SEED when.
"""

import collections
import io
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import time
import zipfile
from pathlib import Path

from support.payloads import ORGANIZATION
from support.penstock import PATIENCE, PROGRAM
from support.repositories import run_git

KILLS = int(os.environ.get("PENSTOCK_E2E_MIRROR_KILLS", "40"))
SEED = int(os.environ.get("PENSTOCK_E2E_SEED", str(time.time_ns() % 1_000_000)))
FILES = 300
MODES = ("penstock", "git", "all")
EMPTY_CACHE = float(os.environ.get("PENSTOCK_E2E_MIRROR_EMPTY", "0.05"))  # of the rounds: the very first fetch is killed
RECEIVED = re.compile(r"Receiving objects: +100% \(\d+/(\d+)\)")


def make_commits(repository, count):
    """Commits that change three files of many each, made in one go."""
    chance = random.Random(1)
    stream, changed = bytearray(), range(FILES)
    for number in range(count):
        stream += b"commit refs/heads/all\ncommitter B <b@northwind.example> %d +0000\ndata 1\nx\n" % (
            1_750_000_000 + number)
        for index in changed:
            content = b"%d %d\n" % (index, number) + chance.randbytes(1500)
            stream += b"M 644 inline folder%02d/file%d\ndata %d\n%s\n" % (index % 20, index, len(content), content)
        changed = chance.sample(range(FILES), 3)
    run_git("fast-import", "--quiet", cwd=repository.path, data=bytes(stream))
    return run_git("rev-list", "--reverse", "refs/heads/all", cwd=repository.path).decode().split()


def checksums(archive):
    with zipfile.ZipFile(archive) as opened:
        return {entry.filename: (entry.CRC, entry.file_size) for entry in opened.infolist() if not entry.is_dir()}


def descendants(pid):
    found = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return found
    for task in tasks:
        try:
            children = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Runs:
    def __init__(self, penstock, remote, directory):
        self.cache, self.output = directory / "cache", directory / "out.zip"
        self._log = directory / "log"
        self._argv = [str(PROGRAM), "artifact", "--repository", remote, "--config", str(penstock.config_file),
                      "--credentials", "azure", "--cache", str(self.cache), "--output", str(self.output)]
        self._environment = penstock.environment

    def start(self, commit):
        self.output.unlink(missing_ok=True)
        with open(self._log, "wb") as log:
            return subprocess.Popen([*self._argv, "--revision", commit], env=self._environment, stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log)

    def log(self):
        return self._log.read_text(errors="replace")

    def succeed(self, commit):
        """Runs undisturbed; how long it took and how many objects came."""
        began = time.monotonic()
        process = self.start(commit)
        status = process.wait(PATIENCE)
        assert status == 0, f"the run ended with {status}: {self.log()[-4000:]}"
        return time.monotonic() - began, sum(map(int, RECEIVED.findall(self.log())))

    def mirror(self):
        names = [path.name for path in self.cache.glob("*/*.git")]
        assert len(names) <= 1, names
        return names


def interrupt(process, mode, delay, chance):
    """Kills what `mode` says after `delay`, or as soon as it is there; what was killed."""
    time.sleep(delay)
    if process.poll() is not None:
        return "nothing"
    if mode == "git":
        while process.poll() is None:
            if children := descendants(process.pid):
                kill(chance.choice(children))
                return "git"
        return "nothing"
    everyone = descendants(process.pid) if mode == "all" else []
    kill(process.pid)
    for child in everyone:
        kill(child)
    return mode


def test_the_mirror_survives(make_penstock, repository, git_http, tmp_path):
    chance = random.Random(SEED)
    print(f"PENSTOCK_E2E_SEED={SEED}, {KILLS} kills")
    commits = make_commits(repository, 2 * KILLS + 20)
    penstock = make_penstock([])
    runs = Runs(penstock, f"{git_http.https_url}/{ORGANIZATION}/Harbour%20Works/_git/{repository.name}", tmp_path)
    runs.succeed(commits[0])
    durations = collections.deque([runs.succeed(commits[1])[0]], maxlen=20)
    killed, ended, problems = collections.Counter(), collections.Counter(), []
    for commit in commits[2:]:
        if sum(killed.values()) - killed["nothing"] >= KILLS:
            break
        run_git("update-ref", "refs/heads/main", commit, cwd=repository.path)
        if chance.random() < EMPTY_CACHE:
            shutil.rmtree(runs.cache)
        before, mode = runs.mirror(), chance.choice(MODES)
        process = runs.start(commit)
        # A run without a mirror takes longer; so does one that merges packs.
        what = interrupt(process, mode, chance.uniform(0, 0.9 if before else 2) * statistics.median(durations), chance)
        status, first_log = process.wait(PATIENCE), runs.log()
        killed[what if before or what == "nothing" else f"{what}, first fetch"] += 1
        if what != "nothing":
            ended["well" if status == 0 else "killed" if status < 0 else "failed"] += 1

        duration, received = runs.succeed(commit)
        if received:
            durations.append(duration)
        expected = io.BytesIO(run_git("archive", "--format=zip", "-0", commit, cwd=repository.path))
        assert checksums(runs.output) == checksums(expected), f"the artifact of {commit} is wrong"
        if before and (runs.mirror() != before or received > FILES):
            problems.append((commit, what, before, runs.mirror(), received, first_log[-1500:], runs.log()[-1500:]))
    print(f"killed: {dict(killed)}; those runs ended: {dict(ended)}; {statistics.median(durations):.3f} s for one undisturbed; "
          f"{len(problems)} second full fetches")
    # SIGKILL loses nothing that the kernel was given, so nothing of it is damage.
    assert not problems, "\n".join(str(part) for part in problems[0])
    assert sum(killed.values()) - killed["nothing"] >= KILLS, "most runs ended before they were killed"
    assert len(durations) > 1, "no undisturbed run fetched anything"
