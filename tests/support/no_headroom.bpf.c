/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Runs a program on a frame with no room left before it: BPF_PROG_TEST_RUN leaves 256 bytes there,
 * of which the kernel keeps 40 for a header of its own. The frame moves to the front of the rest,
 * and as many bytes that follow it are cut off.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

enum { ROOM_BYTES = 216, FRAME_MAX_BYTES = 256 };

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} subject SEC(".maps");

SEC("xdp")
int no_headroom(struct xdp_md* context) {
  if (bpf_xdp_adjust_head(context, -ROOM_BYTES) != 0) return XDP_ABORTED;
  unsigned char* data = (unsigned char*)(long)context->data;
  const unsigned char* end = (const unsigned char*)(long)context->data_end;
  for (__u32 i = 0; i < FRAME_MAX_BYTES; i++) {
    if (data + i + ROOM_BYTES + 1 > end) break;
    data[i] = data[i + ROOM_BYTES];
  }
  if (bpf_xdp_adjust_tail(context, -ROOM_BYTES) != 0) return XDP_ABORTED;
  bpf_tail_call(context, &subject, 0);
  return XDP_ABORTED;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
