// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "split/tables.h"

namespace belka {

/// A pin, and the word that it stands in.
struct PlacedPin {
  uint32_t bucket = 0, place = 0;
  uint64_t pin = 0;
  auto operator<=>(const PlacedPin&) const = default;
};

/// All pins of the tables, by bucket and place: some ten milliseconds. Not while others write them.
std::vector<PlacedPin> read_pins(const struct tables* tables);

/// Those of one bucket, one word after another.
std::vector<PlacedPin> read_pins(const struct tables* tables, uint32_t bucket);

/// Puts each into its word.
void write_pins(const struct tables* tables, const std::vector<PlacedPin>& pins);

/// Frees their words.
void free_pins(const struct tables* tables, const std::vector<PlacedPin>& pins);

/// A line for each: where it stands, and its parts.
std::string pins_text(const std::vector<PlacedPin>& pins);

}  // namespace belka
