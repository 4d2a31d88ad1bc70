/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
#include "split/portable.h"

/*
 * What became of a packet. Every packet ends in exactly one verdict, in the plane that saw it; the
 * enum, the names, the counters, the help texts and the check that each has a vector all come from
 * this list.
 *
 * Actions: TX leaves by the interface it came in by; REDIRECT goes to the data plane's AF_XDP
 * socket; PASS goes to the kernel, as if Belka were not there (a port that the kernel does not
 * have, a capture for instance, has nobody to pass it to: it is counted and freed); DROP ends here.
 */
#define VERDICTS(VERDICT)                                                                       \
  VERDICT(forwarded_l2, TX, "sent to a backend: MAC addresses rewritten")                       \
  VERDICT(forwarded_ipip, TX, "sent to a backend inside an outer IP header")                    \
  VERDICT(redirected, REDIRECT, "handed to the data plane, which counts it again")              \
  VERDICT(not_ip, PASS, "neither IPv4 nor IPv6: left to the kernel")                            \
  VERDICT(unreadable, PASS, "no IP header to be read: left to the kernel")                      \
  VERDICT(not_vip, PASS, "for no virtual IP: left to the kernel")                               \
  VERDICT(vip_no_service, PASS, "for a virtual IP, but no service of it: left to the kernel")   \
  VERDICT(icmp_mismatch, PASS, "ICMP error on what the VIP did not send: left to the kernel")   \
  VERDICT(truncated, DROP, "the frame or the packet ends before its headers or length say so")  \
  VERDICT(bad_header, DROP, "header lengths contradict each other")                             \
  VERDICT(bad_source, DROP, "source is multicast, broadcast, loopback, unspecified or the VIP") \
  VERDICT(fragment, DROP, "not the first fragment: it has no ports")                            \
  VERDICT(too_many_headers, DROP, "more than eight IPv6 extension headers")                     \
  VERDICT(ttl_expired, DROP, "TTL or hop limit ends here")                                      \
  VERDICT(no_backend, DROP, "no backend owns the slot: the pool is empty")                      \
  VERDICT(unresolved, DROP, "the backend's next hop has no MAC address yet")                    \
  VERDICT(other_interface, DROP, "the backend is reached through another interface")            \
  VERDICT(over_mtu, DROP, "longer than the MTU towards the backend")                            \
  VERDICT(no_room, DROP, "no headroom for the outer header")                                    \
  VERDICT(transmit_full, DROP, "the transmit ring was full")                                    \
  VERDICT(echo_replied, TX, "echo request to a virtual IP: answered")                           \
  VERDICT(echo_limited, DROP, "echo request beyond those that a CPU or core answers in a second")

enum action { ACTION_TX, ACTION_REDIRECT, ACTION_PASS, ACTION_DROP };

#define VERDICT_ENUM(name, action, help) VERDICT_##name,
enum verdict {
  VERDICTS(VERDICT_ENUM) VERDICT_COUNT,
  VERDICT_none = VERDICT_COUNT /* not decided yet: go on with the next stage */
};
#undef VERDICT_ENUM

/* Rows of counters have this many places; a new verdict takes a free one and changes no layout. */
enum { VERDICT_PLACES = 64 };

SPLIT_ASSERT((int)VERDICT_COUNT <= (int)VERDICT_PLACES, "the counters have no place for a verdict");
