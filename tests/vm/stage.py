# SPDX-License-Identifier: Apache-2.0
"""The tests that run on each kernel, and what they are called: vm/<release>/<job>.

Their sizes and limits are for an emulated machine (BELKA_EMULATED, BELKA_PATIENCE). A virtual core is away for longer
than a millisecond as a rule, so belkad is told of a longer heartbeat; no assertion is another.
"""

import contextlib
import os

import kernels
import machine

HEARTBEAT = "100ms"
PATIENCE = 5  # times the limit of each wait
PLANES = "'*VectorTest*:*DifferentialTest*:HandoverTest*:VerifierTest*'"
PLANES_SHORT = "'*VectorTest*xdp*:HandoverTest*:VerifierTest*'"


def jobs_on(build, plain):
    """What runs on a kernel, one after the other; with `plain` what `make test` has time for."""
    exports = {"BELKA_BUILD": os.path.abspath(f"{build}/release"), "BELKA_VECTORS": os.path.abspath(f"{build}/vectors"),
               "BELKA_EMULATED": "1", "BELKA_BRIEF": "1" if plain else "", "BELKA_PATIENCE": PATIENCE,
               "BELKA_POLL_S": "0.2", "BELKA_HEARTBEAT": HEARTBEAT}
    setting = " ".join(f"{name}={value}" for name, value in exports.items())

    def job(name, seconds, command, beside=False):
        return machine.Job(name, seconds, f"{setting} {command}", beside)

    def script(name, seconds):
        return job(name, seconds, f"tests/e2e/{name}_test.sh")
    # A plane that cannot be had is a skip elsewhere, and a failure here.
    planes = f"{exports['BELKA_BUILD']}/plane_tests --gtest_filter={PLANES_SHORT if plain else PLANES}"
    yield job("loops", 60, "tests/vm/loops")
    yield job("planes", 600, f"tests/vm/all_run {planes}", beside=True)
    yield script("daemon_attach", 300)
    yield script("http", 300)
    yield script("drain", 900)
    if not plain:
        yield script("daemon_refuse", 300)
        yield script("two_interfaces", 300)
        yield script("takeover", 900)


def prepare(build, line):
    """Makes a line's kernel beforehand; what is missing is said when it is to run."""
    with contextlib.suppress(kernels.Missing):
        kernels.kernel(line, f"{build}/vm")


def run(build, line, plain, logs, watch, wanted=""):
    """Yields (name, seconds, failure, skip, log) for each job on a line's kernel, as vm-6.1/http, whose name contains
    `wanted`."""
    jobs = [job for job in jobs_on(build, plain) if wanted in f"vm-{line}/{job.name}"]
    if not jobs:
        return
    try:
        kernel = kernels.kernel(line, f"{build}/vm")
    except kernels.Missing as missing:
        yield f"vm/{line}", 0, None, str(missing), None
        return
    release = os.path.basename(kernel)
    folder = f"{logs}/vm-{release}"
    os.makedirs(folder, exist_ok=True)
    console = f"{folder}/console.log"
    for result in machine.run_jobs(kernel, os.getcwd(), jobs, folder, console, watch):
        log = console if result.code is None else result.log
        yield (f"vm/{release}/{result.job.name}", result.seconds, failure_of(result),
               reason_of(result.log) if result.code == 77 else None, log)


def failure_of(result):
    if result.code in (0, 77):
        return None
    if result.code is None:
        return "the virtual machine ended, or hung, before it did"
    return f"stopped after {result.job.seconds} s" if result.code == 124 else f"exit code {result.code}"


def reason_of(log):
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    return next((line for line in reversed(lines) if line.strip()), "gave no reason")
