/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Passes everything. A veth hands over frames that its peer sends with XDP_TX only while it has a
 * program of its own; and tests of refusals want a program that is not Belka's.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_pass(struct xdp_md* context) {
  (void)context;
  return XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
