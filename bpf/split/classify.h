/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * classify: from a packet to the service it is for. Services are looked up by VIP, protocol and
 * port; then the address alone tells a VIP from a stranger; for a VIP's, last, by VIP and protocol
 * for all ports.
 */
#include "split/packet.h"
#include "split/tables.h"

/* What the later stages need of a service: copied, so that a change of the entry cannot be seen in
 * halves. */
struct choice {
  uint64_t hash_key[2];
  uint32_t slot_base;
  uint32_t slot_mask;
  uint16_t service;
  uint8_t source_bits;
};

enum { SERVICE_ENTRY_TRIES = 3 };

/* Fibonacci hashing of a key that only the configuration can choose; where it collides, the daemon
 * sees. */
SPLIT_INLINE uint32_t service_home(const struct service_key* key) {
  uint64_t mix = key->vip.low ^ (key->vip.high << 32 | key->vip.high >> 32) ^
                 (uint64_t)key->port_protocol_family << 24;
  mix *= 0x9e3779b97f4a7c15ull;
  mix ^= mix >> 32;
  mix *= 0x9e3779b97f4a7c15ull;
  return (uint32_t)(mix >> 51);
}

SPLIT_ASSERT(SERVICE_TABLE == 1 << (64 - 51), "service_home gives the upper 13 bits");

/* Copies the entry if it holds the key, whole. 1: copied. */
SPLIT_INLINE int service_copy(const struct service_entry* entry, const struct service_key* key,
                              struct choice* choice) {
  for (int i = 0; i < SERVICE_ENTRY_TRIES; i++) {
    uint32_t generation = LOAD_RELAXED(entry->generation_after);
    READ_BARRIER();
    if (LOAD_RELAXED(entry->port_protocol_family) != key->port_protocol_family ||
        LOAD_RELAXED(entry->vip.low) != key->vip.low ||
        LOAD_RELAXED(entry->vip.high) != key->vip.high) {
      return 0;
    }
    choice->hash_key[0] = LOAD_RELAXED(entry->hash_key[0]);
    choice->hash_key[1] = LOAD_RELAXED(entry->hash_key[1]);
    choice->slot_base = LOAD_RELAXED(entry->slot_base);
    choice->slot_mask = LOAD_RELAXED(entry->slot_mask);
    choice->service = LOAD_RELAXED(entry->service);
    choice->source_bits = LOAD_RELAXED(entry->source_bits);
    READ_BARRIER();
    if (SPLIT_LIKELY(LOAD_RELAXED(entry->generation_before) == generation)) return 1;
  }
  return 0;
}

/* Linear probing from the key's home. 1: found and copied. */
SPLIT_INLINE int service_find(const struct tables* tables, const struct service_key* key,
                              struct choice* choice) {
  uint32_t home = service_home(key);
#if defined(__bpf__)
#pragma clang loop unroll(disable)
#endif
  for (uint32_t probe = 0; probe < SERVICE_PROBES; probe++) {
    const struct service_entry* entry = service_at(tables, home + probe);
    if (!entry) return 0;
    if (SPLIT_LIKELY(service_copy(entry, key, choice))) return 1; /* no key is PLACE_EMPTY */
    if (LOAD_RELAXED(entry->port_protocol_family) == PLACE_EMPTY) return 0;
  }
  return 0;
}

/* The key of a packet's service on `port` (wire order; 0 for all ports). */
SPLIT_INLINE struct service_key service_key_of(const struct packet* packet, uint16_t port,
                                               uint8_t protocol) {
  struct service_key key;
  packet_destination(packet, &key.vip.low, &key.vip.high);
  key.port_protocol_family = port | (uint32_t)protocol << 16 | (uint32_t)packet->family << 24;
  return key;
}

/*
 * Finds the service of a packet of which parse said `parsed`. VERDICT_none: `choice` is the
 * service's, and the packet has a flow. VERDICT_echo_replied: an echo request to a VIP, and
 * echo_answer has the last word. A packet that parse refused is refused here only if it is
 * for a VIP; one for somebody else, or with no address to be read, is the kernel's.
 */
SPLIT_INLINE enum verdict classify(const struct tables* tables, const struct packet* packet,
                                   enum verdict parsed, struct choice* choice) {
  if (SPLIT_LIKELY(parsed == VERDICT_none && packet_has_flow(packet))) {
    struct service_key exact = service_key_of(packet, packet->ports >> 16, packet->protocol);
    if (SPLIT_LIKELY(service_find(tables, &exact, choice))) return VERDICT_none;
  } else if (packet->family == 0) {
    return parsed;
  }
  /* The address before the service for all ports: a host's other traffic is done after two looks.
   */
  struct service_key address = service_key_of(packet, 0, 0);
  if (!service_find(tables, &address, choice)) return VERDICT_not_vip;
  if (parsed == VERDICT_none && packet_has_flow(packet)) {
    struct service_key all_ports = service_key_of(packet, 0, packet->protocol);
    if (service_find(tables, &all_ports, choice)) return VERDICT_none;
  }
  if (parsed != VERDICT_none) return parsed;
  return packet->kind == PACKET_ECHO_REQUEST ? VERDICT_echo_replied : VERDICT_vip_no_service;
}
