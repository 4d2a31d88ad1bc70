/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Drives an XDP program under BPF_PROG_TEST_RUN with another connection at each run. The kernel
 * hands every run the packet as the last one left it, so this puts it back first: drops what was
 * prepended, writes the headers afresh, and takes the next source address and port from an array
 * that it walks round. Then it tail-calls the program. Around one that returns XDP_PASS it is the
 * floor to subtract.
 */
/* clang-format off: the helpers need the types */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
/* clang-format on */

#define HEADERS_MAX 74 /* Ethernet, IPv6, TCP; or Ethernet, IPv4, TCP and 20 bytes of payload */
#define FLOWS 1048576

struct flow {
  __u8 source[16]; /* wire order; IPv4 in the first four */
  __u32 ports;     /* wire order: the client's, then the service's */
  __u32 unused[3];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, FLOWS);
  __type(key, __u32);
  __type(value, struct flow);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} subject SEC(".maps");

__u8 headers[80] = {}; /* the first bytes of the packet as it should be */
__u32 at = 0;
const volatile __u32 flow_mask = 0;
const volatile __u32 is_ipv6 = 0;

SEC("xdp")
int walk(struct xdp_md* context) {
  long frame_bytes = (long)context->data_end - (long)context->data;
  __asm__ volatile(
      ""
      : "+r"(frame_bytes)); /* the verifier knows a difference of pointers only as such */
  if (bpf_xdp_adjust_head(context, (int)(frame_bytes - HEADERS_MAX)) != 0) return XDP_ABORTED;
  __u8* data = (__u8*)(long)context->data;
  if (data + HEADERS_MAX > (__u8*)(long)context->data_end) return XDP_ABORTED;
  __u32 index = at & flow_mask;
  struct flow* flow = bpf_map_lookup_elem(&flows, &index);
  if (!flow) return XDP_ABORTED;
#pragma unroll
  for (int i = 0; i + 8 <= HEADERS_MAX; i += 8) *(__u64*)(data + i) = *(__u64*)(headers + i);
  *(__u16*)(data + HEADERS_MAX - 2) = *(__u16*)(headers + HEADERS_MAX - 2);
  if (is_ipv6) {
    *(__u64*)(data + 22) = *(__u64*)flow->source;
    *(__u64*)(data + 30) = *(__u64*)(flow->source + 8);
    *(__u32*)(data + 54) = flow->ports;
  } else {
    *(__u32*)(data + 26) = *(__u32*)flow->source;
    *(__u32*)(data + 34) = flow->ports;
  }
  /* A locked instruction: the stores above reach the cache before the program loads what they
   * wrote, as if the packet had come from a NIC. Without it the program waits for them, the floor
   * does not. */
  __sync_fetch_and_add(&at, 1);
  bpf_tail_call(context, &subject, 0);
  return XDP_ABORTED;
}

SEC("xdp")
int pass(struct xdp_md* context) {
  (void)context;
  return XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
