"""Facts about the machine, and what processes cost, from /proc."""

import os
import platform
import statistics
import subprocess
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def facts(directory):
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown")
    memory = next(int(line.split()[1]) // 1024 for line in Path("/proc/meminfo").read_text().splitlines()
                  if line.startswith("MemTotal:"))
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    return {"cores": os.cpu_count(), "cpu": cpu, "memoryMb": memory, "kernel": platform.release(), "system": system,
            "filesystem": filesystem(directory)}


def filesystem(directory):
    return subprocess.run(["stat", "-f", "-c", "%T", str(directory)], capture_output=True, text=True,
                          check=True).stdout.strip()


def version(package):
    found = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
    return found.stdout if found.returncode == 0 else "unknown"


def commit():
    found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, capture_output=True,
                           text=True, check=False)
    return found.stdout.strip() or "unknown"


def sync_latencies(directory, count=200, size=4096):
    """Microseconds of `count` fdatasync() calls, each after appending `size` bytes."""
    path = Path(directory) / "sync"
    block, taken = os.urandom(size), []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(count):
            os.write(file, block)
            began = time.perf_counter()
            os.fdatasync(file)
            taken.append((time.perf_counter() - began) * 1e6)
    finally:
        os.close(file)
        path.unlink()
    return taken


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def median(values):
    return statistics.median(values)


def processes_of(group):
    """Ids of the processes of a process group."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields and int(fields[2]) == group:
                found.append(int(entry))
    return found


def _stat(pid):
    """The fields of /proc/PID/stat after the name, so that [0] is the state and [2] the process group."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_seconds(group):
    """User and system time of the living processes of a group and of their children that were waited for."""
    total = 0
    for pid in processes_of(group):
        fields = _stat(pid)
        if fields:
            total += sum(int(value) for value in fields[11:15])
    return total / _TICKS


def processes_started():
    """How many processes the machine has started since it was booted."""
    return next(int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines()
                if line.startswith("processes "))


def wait_until_idle(group, timeout):
    """Until the processes of a group use less than a tenth of a core, for what goes on after the answers."""
    deadline, last = time.monotonic() + timeout, cpu_seconds(group)
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = cpu_seconds(group)
        if now - last < 0.03:
            return
        last = now


def _memory(pid, name):
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def peak_memory(group):
    """VmHWM of all processes of a group, in bytes; what they share is counted in each."""
    return sum(_memory(pid, "VmHWM") for pid in processes_of(group))


def resident_memory(pid):
    return _memory(pid, "VmRSS")
