// SPDX-License-Identifier: Apache-2.0
#include "tests/model/without.h"

#include <iterator>

namespace belka::model {
namespace {

constexpr std::string_view kNames[] = {
    "nothing",
    // Planes.
    "looking",
    "default_of_unknown",
    "pin_of_unknown",
    "pin_of_syn",
    "pin_in_hold",
    "refresh",
    "opening_of_half_open",
    "following_syn",
    "renewed_by_syn",
    "cleared_by_syn",
    "quoted_pin",
    "default_of_refused",
    "no_eviction",
    "second_look",
    "ages_ahead",
    // Words.
    "look_after_undo",
    "look_after_hold",
    "look_after_death",
    "hold",
    "hold_after_restart",
    "down_mark",
    // The daemon's time.
    "since_before_word",
    "since_after_restart",
    "refusals_after_restart",
    "no_catching_up",
    "least_drain",
    "drain_after_refusal",
    "open_life",
    "half_open_life",
    "closing_life",
    "all_pins",
    "any_pins",
    "settled_pins",
    "old_words",
};
static_assert(std::size(kNames) == static_cast<size_t>(Without::count_));

}  // namespace

std::string_view name_of(Without without) { return kNames[static_cast<size_t>(without)]; }

}  // namespace belka::model
