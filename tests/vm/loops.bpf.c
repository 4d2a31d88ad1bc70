/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One loop, laid out in the two ways that clang may choose. The verifier of Linux 6.1 takes the
 * first and refuses the second, whose body falls through to the head: `make lint` must find that
 * one in the object (scripts/lint.d/back_edges.py), and tests/vm asks the kernels themselves.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int jumps_back(struct xdp_md* context) {
  (void)context;
  __asm__ volatile(
      "r1 = 4\n"
      "body_%=:\n"
      "r1 += -1\n"
      "if r1 != 0 goto body_%=\n" ::
          : "r1");
  return XDP_PASS;
}

SEC("xdp")
int falls_through(struct xdp_md* context) {
  (void)context;
  __asm__ volatile(
      "r1 = 4\n"
      "goto head_%=\n"
      "body_%=:\n"
      "r1 += -1\n"
      "head_%=:\n"
      "if r1 != 0 goto body_%=\n" ::
          : "r1");
  return XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
