"""The benches of the whole server still run: a second of each, and what they write is whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.penstock import BUILD

BENCHES = Path(__file__).resolve().parents[2] / "bench"


def run(program, tmp_path, *arguments):
    output = tmp_path / "output.json"
    done = subprocess.run(
        [sys.executable, "-B", BENCHES / f"{program}.py", "--output", output, "--directory", BUILD, *arguments],
        env={**os.environ, "PENSTOCK_BUILD": str(BUILD)}, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(output.read_text()), done.stdout


def test_ingest(tmp_path):
    contenders = ["penstock-20", "penstock-300", "webhook", "webhook-early", "webhook-none", "nginx"]
    result, table = run("ingest/ingest", tmp_path, "--rounds", "1", "--seconds", "1", "--protocol", "https", "--connections", "4",
                        "--contender", *contenders)
    assert [cell["contender"] for cell in result["cells"]] == contenders
    assert all(cell["requestsPerSecond"] > 0 and not cell["problems"] for cell in result["cells"])
    assert "HTTPS, 4 connections" in table


def test_soak(tmp_path):
    result, table = run("ingest/soak", tmp_path, "--minutes", "0.1", "--interval", "1", "--rate", "50", "--connections", "4")
    assert len(result["samples"]) >= 5 and result["requests"] > 200, table


def test_artifact(tmp_path):
    result, table = run("artifact/artifact", tmp_path, "--shape", "small", "--transport", "https", "ssh", "--rounds", "1")
    for block in result["blocks"]:
        cells = block["contenders"]
        assert set(cells) == {"today", "depth_1", "archive", "cold", "warm", "copy"}
        assert all(cell["seconds"] > 0 and cell["bytes"] > 0 for cell in cells.values())
    assert "small over ssh" in table


def test_push(tmp_path):
    result, table = run("push/push", tmp_path, "--pushes", "6", "--repositories", "3", "--slow-interval", "0.1")
    assert len(result["blocks"]) == 3
    for cells in result["blocks"].values():
        assert set(cells) == {"penstock", "mirror", "today"}
        assert all(0 < cell["p50"] <= cell["p99"] and cell["jobsPerSecond"] > 0 for cell in cells.values())
        assert {"fetch", "zip", "upload"} <= set(cells["penstock"]["steps"])
    assert "all at once, 6 pushes" in table
