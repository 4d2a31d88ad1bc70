/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * IPv6 extension headers (RFC 8200 section 4; AH, RFC 4302; Mobility, RFC 6275; HIP, RFC 7401;
 * Shim6, RFC 5533), at most eight of them, outermost or quoted in an ICMP error.
 */
#include "split/portable.h"
#include "split/verdict.h"

enum {
  EXTENSION_HOP_BY_HOP = 0,
  EXTENSION_ROUTING = 43,
  EXTENSION_FRAGMENT = 44,
  EXTENSION_AUTHENTICATION = 51,
  EXTENSION_DESTINATION = 60,
  EXTENSION_MOBILITY = 135,
  EXTENSION_HIP = 139,
  EXTENSION_SHIM6 = 140,
  EXTENSION_HEADERS_MAX = 8,
  EXTENSION_BYTES = 8, /* the least that one takes */
};

struct extension_walk {
  uint32_t offset;        /* of the next header, from the frame's start */
  uint8_t next;           /* its protocol */
  uint8_t more_fragments; /* 1: a first fragment */
  uint8_t count;          /* headers walked over */
};

/* Protocols below 64 are bits of one word: the common answer, no, costs a shift. */
#define EXTENSION_BIT(protocol) (1ull << (protocol))
#define EXTENSIONS_BELOW_64                                                      \
  (EXTENSION_BIT(EXTENSION_HOP_BY_HOP) | EXTENSION_BIT(EXTENSION_ROUTING) |      \
   EXTENSION_BIT(EXTENSION_FRAGMENT) | EXTENSION_BIT(EXTENSION_AUTHENTICATION) | \
   EXTENSION_BIT(EXTENSION_DESTINATION))

SPLIT_INLINE int is_extension_header(uint8_t protocol) {
  if (protocol < 64) return EXTENSIONS_BELOW_64 >> protocol & 1;
  return protocol == EXTENSION_MOBILITY || protocol == EXTENSION_HIP || protocol == EXTENSION_SHIM6;
}

/* One header further. */
SPLIT_INLINE enum verdict step_extension_header(const uint8_t* data, const uint8_t* end,
                                                uint32_t packet_end, struct extension_walk* walk) {
  if (walk->offset > REACH_MAX) return VERDICT_truncated;
  const uint8_t* extension = reach(data, end, walk->offset, EXTENSION_BYTES);
  if (!extension || walk->offset + EXTENSION_BYTES > packet_end) return VERDICT_truncated;
  uint8_t header = walk->next;
  uint32_t bytes = (extension[1] + 1u) * 8;
  if (header == EXTENSION_AUTHENTICATION) bytes = (extension[1] + 2u) * 4;
  walk->next = extension[0];
  walk->count++;
  if (header == EXTENSION_FRAGMENT) {
    uint16_t fragment = load_wire16(extension + 2);
    bytes = EXTENSION_BYTES;
    if (fragment & 0xfff8) return VERDICT_fragment;
    walk->more_fragments =
        fragment & 1; /* neither offset nor more: atomic (RFC 6946), a whole packet */
  }
  walk->offset += bytes;
  return VERDICT_none;
}

/* Walks to the first header that is none of these. packet_end: what the packet says, or the frame's
 * end where the packet is only quoted. */
SPLIT_ASIDE enum verdict walk_extension_headers(const uint8_t* data, const uint8_t* end,
                                                uint32_t packet_end, struct extension_walk* walk) {
#if defined(__bpf__)
#pragma clang loop unroll(disable)
#endif
  for (int i = 0; i < EXTENSION_HEADERS_MAX; i++) {
    if (!is_extension_header(walk->next)) return VERDICT_none;
    enum verdict verdict = step_extension_header(data, end, packet_end, walk);
    if (verdict != VERDICT_none) return verdict;
  }
  return is_extension_header(walk->next) ? VERDICT_too_many_headers : VERDICT_none;
}
