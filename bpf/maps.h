/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/*
 * The shared tables as BPF maps. Array maps of one element size each: the only kind that user space
 * can map into its memory (BPF_F_MMAPABLE). The daemon makes them once and pins them; later loads
 * find them.
 */
/* clang-format off: the helpers need the types */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
/* clang-format on */

#include "split/tables.h"

#define SHARED_ARRAY(name, element, count) \
  struct {                                 \
    __uint(type, BPF_MAP_TYPE_ARRAY);      \
    __uint(map_flags, BPF_F_MMAPABLE);     \
    __uint(max_entries, count);            \
    __type(key, uint32_t);                 \
    __type(value, element);                \
  } name SEC(".maps")

struct slot_line {
  uint32_t slot[SLOTS_PER_LINE];
};

struct since_line {
  uint16_t tick[SINCE_PER_LINE];
};

SHARED_ARRAY(services, struct service_entry, SERVICE_TABLE);
SHARED_ARRAY(slots, struct slot_line, SLOTS / SLOTS_PER_LINE);
SHARED_ARRAY(backends, struct backend, BACKENDS);
SHARED_ARRAY(counters, struct counters, 1); /* rows: set by the daemon, which knows the CPUs */
SHARED_ARRAY(heartbeats, struct heartbeat, INTERFACES* QUEUES);
SHARED_ARRAY(interfaces, struct interface_entry, INTERFACES);
SHARED_ARRAY(service_info, struct service_info, SERVICES);
SHARED_ARRAY(node, struct node, 1);
SHARED_ARRAY(pins, struct pin_bucket, PIN_BUCKETS);
SHARED_ARRAY(since, struct since_line, SLOTS / SINCE_PER_LINE);

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, QUEUES);
  __type(key, uint32_t);
  __type(value, uint32_t);
} xsks_map SEC(".maps");

static __always_inline struct counters* counters_row(uint32_t row) {
  return bpf_map_lookup_elem(&counters, &row);
}

/* The masks stand at the load: whatever the caller knows, the verifier sees the bound here. */
SPLIT_INLINE const struct service_entry* service_at(const struct tables* tables, uint32_t index) {
  (void)tables;
  index &= SERVICE_TABLE - 1;
  return bpf_map_lookup_elem(&services, &index);
}

SPLIT_INLINE const uint32_t* slot_at(const struct tables* tables, uint32_t index) {
  (void)tables;
  uint32_t line = (index & (SLOTS - 1)) / SLOTS_PER_LINE;
  const struct slot_line* found = bpf_map_lookup_elem(&slots, &line);
  return found ? &found->slot[index & (SLOTS_PER_LINE - 1)] : 0;
}

SPLIT_INLINE const struct backend* backend_at(const struct tables* tables, uint32_t index) {
  (void)tables;
  index &= BACKENDS - 1;
  return bpf_map_lookup_elem(&backends, &index);
}

SPLIT_INLINE struct pin_bucket* pins_at(const struct tables* tables, uint32_t index) {
  (void)tables;
  index &= PIN_BUCKETS - 1;
  return bpf_map_lookup_elem(&pins, &index);
}

SPLIT_INLINE const struct node* node_at(const struct tables* tables) {
  (void)tables;
  uint32_t index = 0;
  return bpf_map_lookup_elem(&node, &index);
}

/* Its row of counters is the CPU's. */
SPLIT_INLINE uint16_t pin_writer(const struct tables* tables, const struct counters* row) {
  (void)tables;
  (void)row;
  return (uint16_t)(bpf_get_smp_processor_id() + 1);
}
