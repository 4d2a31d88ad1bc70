// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pin_table.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstring>

#include "split/pins.h"

namespace belka {
namespace {

constexpr uint32_t kBucketsAtOnce = 64;  // compared with nothing as a whole: nearly all are empty
constexpr struct pin_bucket kNothing[kBucketsAtOnce] = {};

void add_pins(const struct pin_bucket& from, uint32_t bucket, std::vector<PlacedPin>& pins) {
  for (uint32_t place = 0; place < PINS_PER_BUCKET; place++) {
    const uint64_t pin = LOAD_RELAXED(from.pin[place]);
    if (pin != 0) pins.push_back({bucket, place, pin});
  }
}

}  // namespace

std::vector<PlacedPin> read_pins(const struct tables* tables) {
  std::vector<PlacedPin> pins;
  for (uint32_t first = 0; first < PIN_BUCKETS; first += kBucketsAtOnce) {
    if (std::memcmp(&tables->pins[first], kNothing, sizeof kNothing) == 0) continue;
    for (uint32_t i = first; i < first + kBucketsAtOnce; i++) add_pins(tables->pins[i], i, pins);
  }
  return pins;
}

std::vector<PlacedPin> read_pins(const struct tables* tables, uint32_t bucket) {
  std::vector<PlacedPin> pins;
  add_pins(tables->pins[bucket], bucket, pins);
  return pins;
}

void write_pins(const struct tables* tables, const std::vector<PlacedPin>& pins) {
  for (const PlacedPin& pin : pins) tables->pins[pin.bucket].pin[pin.place] = pin.pin;
}

void free_pins(const struct tables* tables, const std::vector<PlacedPin>& pins) {
  for (const PlacedPin& pin : pins) tables->pins[pin.bucket].pin[pin.place] = 0;
}

std::string pins_text(const std::vector<PlacedPin>& pins) {
  static constexpr const char* kStates[] = {"tentative", "half-open", "open", "closing"};
  std::string text;
  for (const PlacedPin& at : pins) {
    const uint64_t tag = at.pin >> PIN_IDENTITY_SHIFT & ((1u << PIN_TAG_BITS) - 1);
    text += fmt::format("bucket {} word {}: slot {} tag {:#x} {} at age {} on backend {}\n",
                        at.bucket, at.place, pin_slot(at.pin), tag, kStates[pin_state(at.pin)],
                        pin_age(at.pin), pin_backend(at.pin));
  }
  return text;
}

}  // namespace belka
