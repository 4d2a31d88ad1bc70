/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * hash: a connection's place on its service's ring, SipHash-1-3 under the service's key. The
 * message is, in wire order, source address, source port, destination port: 8 bytes for IPv4, 20
 * for IPv6. The rest of the five-tuple, destination address and protocol, is the same for all of a
 * service, whose key stands for it. Services hashed by source use the source address alone, masked
 * to its prefix: 4 or 16 bytes.
 */
#include "split/classify.h"
#include "split/packet.h"
#include "split/siphash.h"

/* The blocks that hold the ports: the first of an IPv4 message, the last of an IPv6 one. */
#define HASH_IPV4_FIRST(packet) ((uint32_t)(packet)->address[0] | (uint64_t)(packet)->ports << 32)
#define HASH_IPV4_LAST (8ull << 56)
#define HASH_IPV6_LAST(packet) ((packet)->ports | 20ull << 56)

SPLIT_INLINE uint64_t hash_five_tuple(const uint64_t key[2], const struct packet* packet) {
  uint64_t v[4], hash;
  SIPHASH_BEGIN(v, key[0], key[1]);
  if (packet->family == IPV4) {
    SIPHASH_WORD(v, HASH_IPV4_FIRST(packet));
    SIPHASH_WORD(v, HASH_IPV4_LAST);
  } else {
    SIPHASH_WORD(v, packet->address[0]);
    SIPHASH_WORD(v, packet->address[1]);
    SIPHASH_WORD(v, HASH_IPV6_LAST(packet));
  }
  SIPHASH_END(v, hash);
  return hash;
}

/* The first `bits` (0..64) of eight bytes in wire order. */
SPLIT_INLINE uint64_t wire_prefix(uint64_t word, uint32_t bits) {
  if (bits == 0) return 0;
  return word & __builtin_bswap64(~0ull << ((64 - bits) & 63));
}

SPLIT_INLINE uint64_t hash_source(const uint64_t key[2], const struct packet* packet,
                                  uint32_t bits) {
  uint64_t v[4], hash;
  SIPHASH_BEGIN(v, key[0], key[1]);
  if (packet->family == IPV4) {
    uint64_t source = wire_prefix((uint32_t)packet->address[0], bits);
    SIPHASH_WORD(v, source | 4ull << 56);
  } else {
    SIPHASH_WORD(v, wire_prefix(packet->address[0], bits < 64 ? bits : 64));
    SIPHASH_WORD(v, wire_prefix(packet->address[1], bits < 64 ? 0 : bits - 64));
    SIPHASH_WORD(v, 16ull << 56);
  }
  SIPHASH_END(v, hash);
  return hash;
}

SPLIT_INLINE uint64_t hash_flow(const struct choice* choice, const struct packet* packet) {
  if (choice->source_bits == 0) return hash_five_tuple(choice->hash_key, packet);
  return hash_source(choice->hash_key, packet, choice->source_bits);
}
