/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a backend of an ipip service does with what it gets: takes off the outer header of 4in4 and
 * 6in6. It stands in for the kernel's ipip and ip6tnl modules, which not every machine has.
 * Everything else passes as it is.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { IN_IPV4 = 4, IN_IPV6 = 41 };

/* Bytes of the outer header; 0: there is none. The outer header of Belka has no options. */
static __always_inline int outer_bytes(const struct ethhdr* ethernet, const void* end) {
  const struct iphdr* v4 = (const void*)(ethernet + 1);
  const struct ipv6hdr* v6 = (const void*)(ethernet + 1);
  if (ethernet->h_proto == bpf_htons(ETH_P_IP) && (const void*)(v4 + 1) <= end) {
    return v4->protocol == IN_IPV4 && v4->ihl == 5 ? sizeof *v4 : 0;
  }
  if (ethernet->h_proto == bpf_htons(ETH_P_IPV6) && (const void*)(v6 + 1) <= end) {
    return v6->nexthdr == IN_IPV6 ? sizeof *v6 : 0;
  }
  return 0;
}

SEC("xdp")
int decapsulate(struct xdp_md* context) {
  const struct ethhdr* ethernet = (const void*)(long)context->data;
  if ((const void*)(ethernet + 1) > (const void*)(long)context->data_end) return XDP_PASS;
  const struct ethhdr copy = *ethernet;
  int bytes = outer_bytes(ethernet, (const void*)(long)context->data_end);
  if (bytes == 0) return XDP_PASS;
  if (bpf_xdp_adjust_head(context, bytes) != 0) return XDP_ABORTED;
  struct ethhdr* moved = (void*)(long)context->data;
  if ((void*)(moved + 1) > (void*)(long)context->data_end) return XDP_ABORTED;
  *moved = copy;
  return XDP_PASS;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
