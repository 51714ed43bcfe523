"""kill -9 under full load over HTTPS: nothing that was answered 200 is missing, and the database is whole.

PENSTOCK_E2E_TLS_KILLS sets how often (25; 200 for the record), PENSTOCK_E2E_SEED when.
"""

import contextlib
import os
import random
import signal
import socket
import sqlite3
import sys
import time
import uuid
from pathlib import Path

from support.penstock import HOOK_PASSWORD, basic, webhook
from support.processes import Process

BENCH = Path(__file__).resolve().parents[2] / "bench/ingest"
sys.path.insert(0, str(BENCH))

import load  # noqa: E402

KILLS = int(os.environ.get("PENSTOCK_E2E_TLS_KILLS", "25"))
SEED = int(os.environ.get("PENSTOCK_E2E_SEED", str(time.time_ns() % 1_000_000)))
CONNECTIONS = 64


@contextlib.contextmanager
def silent_endpoint():
    """An AWS that never answers: this is about receiving."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(256)
        yield {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}


def start_load(penstock, directory):
    bodies, answers = directory / "bodies", directory / "answers"
    bodies.write_text("".join(load.encode(load.push(name)) + "\n" for name in (load.REPOSITORY, load.OTHER_REPOSITORY)))
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d1h", "--timeout", "5s", "-s", BENCH / "push.lua", penstock.url, "--", bodies,
            "/hooks/azure-devops", basic("azure", HOOK_PASSWORD), "1000000000", "0", answers]
    return Process(argv, directory / "wrk.log", env={"PATH": os.environ["PATH"]}), answers


def test_nothing_that_was_answered_is_missing(make_penstock, tmp_path):
    chance = random.Random(SEED)
    print(f"PENSTOCK_E2E_SEED={SEED}, {KILLS} kills")
    with silent_endpoint() as environment:
        penstock = make_penstock(
            [webhook("shop", "shop", repository=load.REPOSITORY, actionConfiguration={"Branch": load.BRANCH})],
            environment=environment, workers=[], log={"level": "warning"}).start()
        wrk, answers = start_load(penstock, tmp_path)
        with wrk:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.05, 0.6))
                penstock.crash(chance)
            time.sleep(0.3)
            wrk.signal(signal.SIGINT)
            wrk.wait(30)
        penstock.process.kill()
    noted = answers.read_text().split()
    answered = {uuid.UUID(line).bytes for line in noted if len(line) == 36}
    others = {status: noted.count(status) for status in {line for line in noted if len(line) != 36}}
    # 503 is how it says "later"; nothing else is an answer to a good push.
    assert set(others) <= {"503"}, others
    assert len(answered) >= KILLS * 10, (len(answered), wrk.log())
    path = Path(penstock.configuration["dataDirectory"]) / "history.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = dict(database.execute("SELECT id, outcome FROM deliveries"))
        triggered = {row[0] for row in database.execute("SELECT delivery_id FROM triggers")}
    missing = answered - stored.keys()
    print(f"{len(answered)} answered 200, {others.get('503', 0)} answered 503, {len(stored)} stored, {len(missing)} missing")
    assert not missing, f"{len(missing)} of {len(answered)} deliveries were answered 200 and are not in the database"
    assert set(stored.values()) == {"triggered", "filtered"}
    # A delivery is there as a whole or not at all.
    assert {i for i, outcome in stored.items() if outcome == "triggered"} == triggered
    # And the program itself takes the file for good.
    penstock.start()
    assert penstock.read("/api/v1/deliveries", limit=1)["deliveries"]
