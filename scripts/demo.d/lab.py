# SPDX-License-Identifier: Apache-2.0
"""The running parts of the demo: belkactl, the data plane, the load. Both processes end with this one."""

import json
import os
import signal
import subprocess
import threading
import time

from measure import Request

BUILD = os.environ["BELKA_BUILD"]
HERE = os.path.dirname(os.path.abspath(__file__))
VIP = "192.0.2.10"
REQUESTS_PER_S = 800


class Trouble(Exception):
    pass


def belkactl(*words):
    command = [f"{BUILD}/belkactl", f"--socket={os.environ['SOCKET']}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=15)
    if done.returncode != 0:
        raise Trouble(f"belkactl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def in_namespace(namespace, *command, **options):
    # Not `ip netns exec`, which mounts another /sys: without the pins.
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={namespace}", "--", *command], **options)


def packets_sent():
    """By plane: packets that went to a backend."""
    planes = json.loads(belkactl("stats", "-o", "json"))["planes"]
    return {plane["name"]: sum(v["packets"] for v in plane["verdicts"] if v["action"] == "TX") for plane in planes}


def shares_in_force():
    return {pool["name"]: pool["in_force"] for pool in json.loads(belkactl("get", "pools", "-o", "json"))["pools"]}


def heartbeats():
    interfaces = json.loads(belkactl("status", "-o", "json"))["interfaces"]
    return [queue["heartbeat"] for interface in interfaces for queue in interface["queues"]]


def backends_are_resolved():
    backends = json.loads(belkactl("get", "backends", "-o", "json"))["backends"]
    return all(backend["state"] == "ready" for backend in backends)


def wait_until(what, condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Trouble(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def favour(process):
    """Its core is to be its own, also on a machine that does other things: where the scheduler shares out
    the time by sessions, nice counts inside of one alone, and the session has a nice value of its own."""
    try:
        with open(f"/proc/{process.pid}/autogroup", "w") as autogroup:
            autogroup.write("-20")
    except OSError:
        pass  # no such sharing here


class DataPlane:
    def __init__(self):
        self.process = None

    def _is_ready(self):
        if self.process.poll() is not None:
            with open(os.environ["LOG"]) as log:
                raise Trouble("the data plane ended: " + log.read().strip())
        return all(beat == "fresh" for beat in heartbeats())

    def start(self):
        with open(os.environ["LOG"], "w") as log:
            self.process = in_namespace(
                os.environ["SPLITTER"], "nice", "-n", "-20", f"{BUILD}/belka-dataplane", "--interface=eth0",
                f"--cores={os.environ['CORE']}", f"--pins={os.environ['PINS']}",
                f"--file_prefix={os.environ['DPDK_PREFIX']}", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        favour(self.process)
        wait_until("the data plane's heartbeats", self._is_ready)

    def stop(self, how=signal.SIGTERM):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


class Load:
    def __init__(self):
        self.requests = []
        self._process = in_namespace(
            os.environ["CLIENT"], "/usr/bin/python3", f"{HERE}/load.py", VIP, str(REQUESTS_PER_S),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            begin, end, result = line.rstrip("\n").split(" ", 2)
            self.requests.append(Request(float(begin), float(end), result))

    def check(self):
        if self._process.poll() is not None:
            raise Trouble("the load ended by itself")

    def finish(self):
        """Lets the requests under way end."""
        self._process.terminate()
        self._process.wait(15)
        self._reader.join(5)

    def stop(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(5)
