# SPDX-License-Identifier: Apache-2.0
"""What the demo's requests and counters say. Pure: it asks nobody; times are CLOCK_MONOTONIC seconds."""

import dataclasses
import math

POOLS = ("prod", "canary", "baseline")
SIGMAS = 4
LEAST_REQUESTS = 2000
LEAST_DATA_PLANE = 0.8
MOST_FAILED_IN_CHANGES = 0.01


@dataclasses.dataclass
class Request:
    begin: float
    end: float
    result: str  # the backend's name, such as canary-1, or ! and a reason

    @property
    def failed(self):
        return self.pool not in POOLS

    @property
    def pool(self):
        return self.result.rpartition("-")[0]


@dataclasses.dataclass
class Phase:
    name: str
    begin: float
    wanted: dict  # text, by pool
    in_force: dict  # 0 to 1, by pool
    data_plane_lives: bool
    packets_begin: dict  # forwarded so far, by plane
    change: float = None  # when the change of split was asked for that it begins with; it begins when that is in force
    packets_end: dict = None

    def packets(self, plane, now=None):
        end = self.packets_end or now or self.packets_begin
        return end[plane] - self.packets_begin[plane]


@dataclasses.dataclass
class Count:
    """The requests of a phase: those begun in it, and those that its change of split met under way."""

    requests: int = 0  # but for those under way at a change
    failed: int = 0
    in_change: int = 0
    failed_in_change: int = 0
    slowest_s: float = 0
    answers: dict = dataclasses.field(default_factory=lambda: dict.fromkeys(POOLS, 0))
    reasons: set = dataclasses.field(default_factory=set)

    @property
    def answered(self):
        return sum(self.answers.values())

    def observed(self, pool):
        return self.answers[pool] / self.answered if self.answered else 0.0

    def add(self, request):
        self.requests += 1
        self.slowest_s = max(self.slowest_s, request.end - request.begin)
        if request.failed:
            self.failed += 1
            self.reasons.add(request.result)
        else:
            self.answers[request.pool] += 1

    def add_in_change(self, request):
        self.in_change += 1
        self.failed_in_change += request.failed


def count_requests(requests, phases):
    """One Count a phase. A request that was under way at several changes counts at the last of them."""
    counts = [Count() for _ in phases]
    for request in requests:
        place = last_change = None
        for index, phase in enumerate(phases):
            if request.begin >= phase.begin:
                place = index
            if phase.change and request.begin < phase.begin and request.end > phase.change:
                last_change = index
        if last_change is not None:
            counts[last_change].add_in_change(request)
        elif place is not None:
            counts[place].add(request)
    return counts


def distance(count, pool, share):
    """Of the observed share from the one in force, in standard deviations of chance."""
    difference = abs(count.observed(pool) - share)
    sigma = math.sqrt(share * (1 - share) / count.answered) if count.answered else 0
    return difference / sigma if sigma else math.inf if difference else 0.0


def judge_shares(phases, counts):
    few = [phase.name for phase, count in zip(phases, counts) if count.answered < LEAST_REQUESTS]
    furthest, name = max(
        (distance(count, pool, phase.in_force[pool]), f"{pool} in '{phase.name}'")
        for phase, count in zip(phases, counts) for pool in POOLS)
    text = f"within {SIGMAS} sigma in every phase; furthest is {name}: {furthest:.1f} sigma"
    if few:
        text = f"fewer than {LEAST_REQUESTS:,} answers in: {', '.join(few)}"
    elif furthest > SIGMAS:
        text = f"{name} is {furthest:.1f} sigma away, allowed are {SIGMAS}"
    return not few and furthest <= SIGMAS, text


def judge_planes(phases):
    alive, dead = ({plane: sum(phase.packets(plane) for phase in phases if phase.data_plane_lives == lives)
                    for plane in ("dpdk", "xdp")} for lives in (True, False))
    all_alive = sum(alive.values())
    share = alive["dpdk"] / all_alive if all_alive else 0.0
    text = (f"the data plane carried {share:.1%} of {all_alive:,} packets while it lived (at least "
            f"{LEAST_DATA_PLANE:.0%}); XDP {dead['xdp']:,} of {sum(dead.values()):,} while it was dead")
    return share >= LEAST_DATA_PLANE and dead["xdp"] > 0 and dead["dpdk"] == 0, text


def judge_requests(counts):
    every, failed = (sum(getattr(count, field) for count in counts) for field in ("requests", "failed"))
    reasons = set().union(*(count.reasons for count in counts))
    slowest = max(count.slowest_s for count in counts)
    text = f"{failed} of {every:,} failed" + (f" ({', '.join(sorted(reasons))})" if failed else "")
    return failed == 0, f"{text}, none was tried again; the slowest took {slowest * 1000:.0f} ms"


def judge_changes(counts):
    every, in_change, failed = (sum(getattr(count, field) for count in counts)
                                for field in ("requests", "in_change", "failed_in_change"))
    every += in_change
    text = (f"{failed} failed of {in_change:,} more that were under way while the split changed: "
            f"{failed / max(every, 1):.2%} of all, allowed is {MOST_FAILED_IN_CHANGES:.0%}")
    return failed <= MOST_FAILED_IN_CHANGES * every, text
