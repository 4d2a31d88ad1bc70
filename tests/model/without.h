// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace belka::model {

// A rule of slots and pins that is taken out, so that the oracle can show that it is needed. Each
// is undone from outside, around the real code: before or after a packet's decision (planes.cpp),
// around a store or a tick of the daemon's (daemon.cpp, broken_keeping.cpp).
enum class Without : uint8_t {
  nothing,
  // Planes.
  looking,               // pins are followed in a slot that looks
  default_of_unknown,    // who has no pin and is no SYN goes to the default of an opening slot
  pin_of_unknown,        // and is pinned there
  pin_of_syn,            // a SYN is pinned in an opening slot
  pin_in_hold,           // connections are pinned in a held slot
  refresh,               // a packet sets its pin's age
  opening_of_half_open,  // a packet after the SYN gives the pin its whole life
  following_syn,         // a SYN sent again follows its pin
  renewed_by_syn,        // a new connection's SYN takes over the tuple's old pin
  cleared_by_syn,        // and, in a slot that looks, takes it out
  quoted_pin,            // an ICMP error follows the pin of the connection that it quotes
  default_of_refused,    // a SYN for whose pin there is no place goes to the default
  no_eviction,           // a full bucket refuses, and keeps what it has
  second_look,           // the slot is read again after a pin was put in or refused
  ages_ahead,            // an age of a plane whose tick is ahead counts as now
  // Words.
  look_after_undo,     // going back to the default is no settling
  look_after_hold,     // nor is it while the slot is held
  look_after_death,    // nor is the death of one of two backends
  hold,                // a gentle change waits
  hold_after_restart,  // anew, when the daemon was killed
  down_mark,           // pins on a dead backend count as none
  // The daemon's time.
  since_before_word,       // the tick of a change is stored before its word
  since_after_restart,     // and outlives the daemon
  refusals_after_restart,  // as do refusals
  no_catching_up,          // the clock does not make up for what it missed
  least_drain,             // a slot stays open for the idle time and two ticks
  drain_after_refusal,     // and for as long after a refusal
  open_life,               // a pin lives for the idle time
  half_open_life,          // that of a SYN for three ticks
  closing_life,            // that of a closed connection too
  all_pins,                // a slot settles when no pin at all is elsewhere
  any_pins,                // (when it looks, and nobody counts)
  settled_pins,            // pins of settled slots are cleared
  old_words,               // what is cleared or settled has been so for more than a tick
  count_,
};

std::string_view name_of(Without without);

}  // namespace belka::model
