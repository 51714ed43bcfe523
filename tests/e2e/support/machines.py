"""A second machine: a network namespace that is joined to this one by a cable of its own."""

import os
import shutil
import subprocess

IP = shutil.which("ip") or "/usr/sbin/ip"


class NoSecondMachine(Exception):
    pass


def _ip(*arguments):
    try:
        done = subprocess.run([IP, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError as error:
        raise NoSecondMachine(f"there is no {IP}; run deploy/dependencies.sh --tests") from error
    if done.returncode != 0:
        raise NoSecondMachine(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


class SecondMachine:
    """`here` and `there` are the addresses at both ends. NoSecondMachine where this may not be made."""

    def __init__(self):
        # 198.18.0.0/15 is for benchmarks: nobody's network.
        number = os.getpid() % 16384
        subnet = f"198.18.{number // 64}.{number % 64 * 4}"
        first = int(subnet.rsplit(".", 1)[1])
        prefix = subnet.rsplit(".", 1)[0]
        self.here, self.there = f"{prefix}.{first + 1}", f"{prefix}.{first + 2}"
        self.name = f"penstock-{os.getpid()}"
        self._cable = f"ps{os.getpid()}"[:13]
        try:
            _ip("netns", "add", self.name)
            _ip("link", "add", self._cable, "type", "veth", "peer", "name", "penstock0", "netns", self.name)
            _ip("address", "add", f"{self.here}/30", "dev", self._cable)
            _ip("link", "set", self._cable, "up")
            _ip("-n", self.name, "address", "add", f"{self.there}/30", "dev", "penstock0")
            _ip("-n", self.name, "link", "set", "penstock0", "up")
            _ip("-n", self.name, "link", "set", "lo", "up")
            _ip("netns", "exec", self.name, "true")
        except NoSecondMachine:
            self.close()
            raise

    @property
    def launcher(self):
        """What the command line of a program there begins with."""
        return [IP, "netns", "exec", self.name]

    def close(self):
        subprocess.run([IP, "link", "delete", self._cable], capture_output=True, timeout=30, check=False)
        subprocess.run([IP, "netns", "delete", self.name], capture_output=True, timeout=30, check=False)
