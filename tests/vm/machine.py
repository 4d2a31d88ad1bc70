# SPDX-License-Identifier: Apache-2.0
"""Boots a kernel in QEMU with this machine's file system in it, and runs jobs there (tests/vm/guest).

Software emulation: it needs no rights, and is five to fifteen times slower than the machine.
"""

import dataclasses
import os
import shutil
import subprocess
import tempfile
import time

BOOT_S = 120
MEMORY_MB = 4096
# The oldest that DPDK runs on: the emulation of wider vector units costs a third of the speed.
CPU = "Westmere"
# The emulator translates a program anew for each place that it is loaded to: so all have one place, and starts take a
# third of the time. No tunnel devices of the kernel's own, which would be leftovers to the tests.
KERNEL_FLAGS = "norandmaps nokaslr mitigations=off rcupdate.rcu_expedited=1 fb_tunnels=none"


@dataclasses.dataclass
class Job:
    name: str
    seconds: int  # it may take
    command: str  # for bash, in the checkout
    beside: bool = False  # the next one


@dataclasses.dataclass
class Result:
    job: Job
    code: int | None  # None: the guest ended before
    seconds: int
    log: str  # a file


def command_of(kernel, checkout, results):
    def share(tag, path, options):
        return ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}",
                "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    return ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", CPU, "-smp", "2",
            "-m", str(MEMORY_MB), "-nographic", "-nic", "none", "-no-reboot",
            "-kernel", f"{kernel}/kernel", "-initrd", f"{kernel}/initrd",
            "-append", f"console=ttyS0 quiet panic=-1 {KERNEL_FLAGS} belka.checkout={checkout}",
            *share("root", "/", ",readonly=on"), *share("results", results, "")]


def run_jobs(kernel, checkout, jobs, logs, said, watch):
    """Yields a Result for each job, as it ends. `logs` is where their logs go; `watch` sees the process."""
    with tempfile.TemporaryDirectory(prefix="belka-vm.") as results:
        with open(f"{results}/jobs", "w", encoding="utf-8") as file:
            file.writelines(f"{job.name}{'&' if job.beside else ''} {job.seconds} {job.command}\n" for job in jobs)
        with open(said, "wb") as console:
            process = subprocess.Popen(command_of(kernel, checkout, results), stdin=subprocess.DEVNULL,
                                       stdout=console, stderr=subprocess.STDOUT, start_new_session=True)
        with watch(process):
            deadline = time.monotonic() + BOOT_S
            for job in jobs:
                deadline += job.seconds + 15
                yield wait_for(job, process, results, logs, deadline)


def wait_for(job, process, results, logs, deadline):
    end, log = f"{results}/{job.name}.end", f"{logs}/{job.name}.log"
    while not os.path.exists(end) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    if os.path.exists(f"{results}/{job.name}.log"):
        shutil.copy(f"{results}/{job.name}.log", log)
    else:
        open(log, "w", encoding="ascii").close()
    if not os.path.exists(end):
        return Result(job, None, 0, log)
    with open(end, encoding="ascii") as file:
        code, seconds = file.read().split()
    return Result(job, int(code), int(seconds), log)
