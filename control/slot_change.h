// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "split/tables.h"

namespace belka {

// What becomes of a slot's word (tables.h). Pure. Each keeps what planes rely on: all live
// connections of a slot that have no pin are on its default, so a change leaves the default where
// it is, and connections begun since are pinned; going back to the default is no settling, since
// those pins are still to be followed.
//
// Where no backend serves a slot (number 0) no connection lives, so nothing is kept for it.

// Opening begins: the tick is to be noted (since) before the word is stored.
inline bool slot_begins(uint32_t before, uint32_t after) {
  return slot_is_opening(after) && !slot_is_opening(before);
}

// The slot is to answer `wanted` from now on.
inline uint32_t slot_towards(uint32_t word, uint16_t wanted) {
  const uint16_t current = slot_current(word);
  const uint16_t draining = slot_draining(word);
  if (wanted == current) return draining == SLOT_HOLD ? slot_of(current, SLOT_LOOK) : word;
  if (slot_is_opening(word))
    return slot_of(wanted, wanted == draining ? static_cast<uint16_t>(SLOT_LOOK) : draining);
  if (current != 0) return slot_of(wanted, current);
  return slot_is_settled(word) ? slot_settled(wanted) : slot_of(wanted, SLOT_LOOK);
}

// The same, for who can wait: first the connections that begin now are noted, so that a SYN which
// is sent again after the change stays where it was answered. slot_towards follows when the word
// has stood for the hold time.
inline uint32_t slot_hold(uint32_t word, uint16_t wanted) {
  const uint16_t current = slot_current(word);
  if (wanted == current || current == 0 || slot_is_opening(word)) return slot_towards(word, wanted);
  return slot_of(current, SLOT_HOLD);
}

// Nobody waits for the connections that are elsewhere: their pins are to be cleared after it.
inline uint32_t slot_released(uint32_t word) {
  return slot_is_settled(word) ? word : slot_of(slot_current(word), SLOT_LOOK);
}

// As slot_towards, and what is elsewhere is released.
inline uint32_t slot_hard(uint32_t word, uint16_t wanted) {
  return slot_released(slot_towards(word, wanted));
}

// Backend `dead` serves nobody any more; `heir` is who answers the slot without it.
inline uint32_t slot_without(uint32_t word, uint16_t dead, uint16_t heir) {
  const uint16_t current = slot_current(word);
  const uint16_t draining = slot_draining(word);
  if (current != dead) return draining == dead ? slot_of(current, SLOT_LOOK) : word;
  if (draining == dead) return slot_settled(heir);
  if (!slot_is_opening(word)) return slot_of(heir, SLOT_LOOK);
  return slot_of(heir, heir == draining ? static_cast<uint16_t>(SLOT_LOOK) : draining);
}

}  // namespace belka
