#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Moves the split under load, kills the data plane, and shows what comes of it. Started by scripts/demo."""

import math
import shutil
import signal
import sys
import time

import lab
import measure

PHASE_S = 6
PHASE_MOST_S = 9
ROW = "{:<18} {:>9}  {:>6} {:>8} {:>8}  {:>6} {:>8} {:>8}  {:>8} {:>6}  {:>12}"
HEAD = (f"{'':30}{'canary':-^24}  {'baseline':-^24}  {'requests':-^15}  {'under way at':>12}\n" + ROW.format(
    "", "plane", "wanted", "in force", "observed", "wanted", "in force", "observed", "begun", "failed", "a change"))
TTY = sys.stdout.isatty()
# Rows grow in place only where they fit into a line.
LIVE = TTY and shutil.get_terminal_size().columns > len(HEAD.splitlines()[-1])


def coloured(text, code):
    return f"\033[{code}m{text}\033[0m" if TTY else text


def percent(share, digits):
    return f"{share * 100:.{digits}f} %"


def plane_text(phase, packets):
    dpdk, xdp = phase.packets("dpdk", packets), phase.packets("xdp", packets)
    if dpdk + xdp == 0:
        return "-"
    # Down: all is only what is all.
    return f"dpdk {math.floor(100 * dpdk / (dpdk + xdp))} %" if dpdk else "xdp 100 %"


class Show:
    def __init__(self):
        self.phases = []
        self.wanted = {"canary": "0%", "baseline": "match"}
        self.data_plane = lab.DataPlane()
        self.load = None

    def counts(self):
        return measure.count_requests(list(self.load.requests), self.phases)

    def row(self, index, packets=None):
        phase, count = self.phases[index], self.counts()[index]
        cells = [phase.name, plane_text(phase, packets)]
        for pool in ("canary", "baseline"):
            cells += [phase.wanted[pool], percent(phase.in_force[pool], 3), percent(count.observed(pool), 2)]
        changed = f"{count.failed_in_change} of {count.in_change} failed" if phase.change or count.in_change else ""
        return ROW.format(*cells, f"{count.requests:,}", count.failed, changed)

    def follow(self, index):
        """Until there are requests enough; on a wide terminal the row grows meanwhile."""
        phase = self.phases[index]
        begin = time.monotonic()
        while True:
            time.sleep(0.25)
            self.load.check()
            passed = time.monotonic() - begin
            enough = self.counts()[index].answered >= measure.LEAST_REQUESTS
            if LIVE:
                print("\r" + self.row(index, lab.packets_sent()), end="", flush=True)
            if (enough and passed >= PHASE_S) or passed >= PHASE_MOST_S:
                break
        phase.packets_end = lab.packets_sent()
        print(("\r" if LIVE else "") + self.row(index), flush=True)

    def phase(self, name, lives=True, change=None):
        self.phases.append(measure.Phase(name, time.monotonic(), dict(self.wanted), lab.shares_in_force(), lives,
                                         lab.packets_sent(), change))
        self.follow(len(self.phases) - 1)

    def split(self, canary, name):
        before = time.monotonic()
        lab.belkactl("split", "web", f"canary={canary}", "baseline=match")
        self.wanted["canary"] = canary
        self.phase(name, change=before)

    def run(self):
        lab.wait_until("the backends' MAC addresses", lab.backends_are_resolved)
        self.data_plane.start()
        self.load = lab.Load()
        lab.wait_until("the first answers", lambda: len(self.load.requests) > 100)
        print(HEAD)
        self.split("1%", "canary=1%")
        self.split("5%", "canary=5%")
        self.split("25%", "canary=25%")
        self.split("0%", "canary=0%")
        self.split("5%", "canary=5% again")
        self.data_plane.stop(signal.SIGKILL)
        self.phase("data plane killed", lives=False)
        self.data_plane.start()
        self.phase("and started again")
        self.load.finish()

    def summary(self, seconds):
        counts = self.counts()
        lines = {
            "shares": measure.judge_shares(self.phases, counts),
            "planes": measure.judge_planes(self.phases),
            "requests": measure.judge_requests(counts),
            "changes": measure.judge_changes(counts),
        }
        print()
        for name, (holds, text) in lines.items():
            mark = coloured("ok ", 32) if holds else coloured("NOT", 31)
            print(f"{mark} {name:<8}  {text}")
        good = all(holds for holds, _ in lines.values())
        print(f"\nthe demo {'shows what it should' if good else 'FAILED'}, after {seconds:.0f} s")
        return 0 if good else 1

    def close(self):
        self.data_plane.stop()
        if self.load:
            self.load.stop()


def main():
    def end(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    begin = time.monotonic()
    show = Show()
    try:
        show.run()
        return show.summary(time.monotonic() - begin)
    except lab.Trouble as trouble:
        print(f"\ndemo: {trouble}", file=sys.stderr)
        return 1
    finally:
        show.close()


if __name__ == "__main__":
    sys.exit(main())
