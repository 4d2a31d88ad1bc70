#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Stops one thread alone, as SIGSTOP does not: stop_thread.py TID SECONDS. Then it goes on as it was."""

import ctypes
import os
import sys
import time

# <linux/ptrace.h>
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000  # __WALL: threads too


def ptrace(request, tid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, tid, None, None) != 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {tid}")


def main():
    tid, seconds = int(sys.argv[1]), float(sys.argv[2])
    ptrace(PTRACE_SEIZE, tid)
    ptrace(PTRACE_INTERRUPT, tid)
    os.waitpid(tid, WALL)
    print("stopped", flush=True)
    time.sleep(seconds)
    ptrace(PTRACE_DETACH, tid)


if __name__ == "__main__":
    main()
