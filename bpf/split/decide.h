/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#pragma once
/* decide: from a hash to the backend whose slot it falls into. One read of the slot, one of the
 * backend. */
#include "split/classify.h"
#include "split/tables.h"

/* The slot's index among all slots. */
SPLIT_INLINE uint32_t slot_index(const struct choice* choice, uint64_t hash) {
  return choice->slot_base + ((uint32_t)hash & choice->slot_mask);
}

/* The backend number that serves the slot; 0 where none does. */
SPLIT_INLINE uint16_t decide(const struct tables* tables, uint32_t slot) {
  const uint32_t* word = slot_at(tables, slot);
  return word ? slot_current(LOAD_RELAXED(*word)) : 0;
}
