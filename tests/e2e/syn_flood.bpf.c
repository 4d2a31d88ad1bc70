/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A SYN flood, and where it ends. `flood` is run by BPF_PROG_TEST_RUN with live frames: each
 * becomes the SYN of a connection that has not been before, and goes out by an interface. `sink` is
 * what the splitter's neighbour does with those that came through: counts them by the MAC that they
 * are for, and drops them, since the backends are not what is tested. All else passes.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SPOOFED 0xc6120000u /* 198.18.0.0/15, for tests of devices (RFC 2544) */
#define SPOOFED_MASK 0xfffe0000u
#define FRAME_BYTES 54 /* no shorter: live frames are not padded */
#define BACKENDS 16

struct aim {
  __u8 macs[12]; /* destination, source */
  __u32 vip;     /* wire order */
  __u16 port;    /* wire order */
  __u16 unused;
  __u32 ifindex;
  __u64 sent; /* so many so far */
};

struct tcp {
  __u16 source, destination;
  __u32 sequence, acknowledged;
  __u16 offset_flags, window, checksum, urgent;
} __attribute__((packed));

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct aim);
} aim SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, BACKENDS);
  __type(key, __u64); /* MAC */
  __type(value, __u64);
} arrived SEC(".maps");

static __always_inline __u16 folded(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  return (__u16) ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline __u32 halves(__u32 word) { return (word & 0xffff) + (word >> 16); }

/* Number n's source: 2^17 addresses and, for each, 2^16 ports. Neighbours in number are none in
 * address. */
static __always_inline void write_syn(struct iphdr* ip, struct tcp* tcp, const struct aim* to,
                                      __u32 number) {
  __u32 source = bpf_htonl(SPOOFED | (number * 40503u & ~SPOOFED_MASK));
  ip->version = 4;
  ip->ihl = 5;
  ip->tos = 0;
  ip->tot_len = bpf_htons(sizeof *ip + sizeof *tcp);
  ip->id = 0;
  ip->frag_off = bpf_htons(0x4000);
  ip->ttl = 61;
  ip->protocol = IPPROTO_TCP;
  ip->check = 0;
  ip->saddr = source;
  ip->daddr = to->vip;
  tcp->source = bpf_htons((__u16)(1024 + (number >> 17)));
  tcp->destination = to->port;
  tcp->sequence = number;
  tcp->acknowledged = 0;
  tcp->offset_flags = bpf_htons(0x5002);
  tcp->window = bpf_htons(64240);
  tcp->checksum = 0;
  tcp->urgent = 0;
  __u32 addresses = halves(source) + halves(to->vip);
  ip->check = folded(bpf_htons(0x4500) + ip->tot_len + ip->frag_off +
                     bpf_htons(61 << 8 | IPPROTO_TCP) + addresses);
  tcp->checksum = folded(addresses + bpf_htons(IPPROTO_TCP) + bpf_htons(sizeof *tcp) + tcp->source +
                         tcp->destination + halves(number) + tcp->offset_flags + tcp->window);
}

SEC("xdp")
int flood(struct xdp_md* context) {
  __u32 zero = 0;
  struct aim* to = bpf_map_lookup_elem(&aim, &zero);
  __u8* data = (__u8*)(long)context->data;
  if (!to || data + FRAME_BYTES > (__u8*)(long)context->data_end) return XDP_ABORTED;
  __u32 number = (__u32)to->sent++; /* it runs on one CPU */
  __builtin_memcpy(data, to->macs, sizeof to->macs);
  *(__u16*)(data + 12) = bpf_htons(ETH_P_IP);
  write_syn((struct iphdr*)(data + ETH_HLEN), (struct tcp*)(data + ETH_HLEN + sizeof(struct iphdr)),
            to, number);
  return bpf_redirect(to->ifindex, 0);
}

SEC("xdp")
int sink(struct xdp_md* context) {
  const struct ethhdr* ethernet = (const void*)(long)context->data;
  const struct iphdr* ip = (const void*)(ethernet + 1);
  if ((const void*)(ip + 1) > (const void*)(long)context->data_end) return XDP_PASS;
  if (ethernet->h_proto != bpf_htons(ETH_P_IP)) return XDP_PASS;
  if ((ip->saddr & bpf_htonl(SPOOFED_MASK)) != bpf_htonl(SPOOFED)) return XDP_PASS;
  __u64 mac = 0;
  __builtin_memcpy(&mac, ethernet->h_dest, ETH_ALEN);
  __u64* count = bpf_map_lookup_elem(&arrived, &mac);
  if (count) __sync_fetch_and_add(count, 1);
  return XDP_DROP;
}

char license_text[] SEC("license") = "Dual BSD/GPL";
