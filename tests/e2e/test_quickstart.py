"""deploy/quickstart.sh --once, with the programs of this build: every step that a newcomer sees."""

import os
import re
import subprocess
from pathlib import Path

from support.penstock import BUILD

ROOT = Path(__file__).resolve().parents[2]


def test_every_step_happens(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([ROOT / "deploy/quickstart.sh", "--once", "--programs", BUILD / "bin"], env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "All of it happened" in done.stdout
    steps = re.findall(r"^ ?(\d+)  ", done.stdout, re.MULTILINE)
    assert steps == [str(n) for n in range(1, len(steps) + 1)] and len(steps) == 11
    assert done.stdout.count("ok ") >= len(steps)
    assert list(tmp_path.iterdir()) == [], "it leaves something behind"
