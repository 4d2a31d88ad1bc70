// SPDX-License-Identifier: Apache-2.0
#include "tests/support/counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace belka {
namespace {

#define VERDICT_NAME(name, action, help) #name,
constexpr const char* kVerdictNames[] = {VERDICTS(VERDICT_NAME)};
#undef VERDICT_NAME

template <typename Key>
void add(std::map<Key, VerdictCount>& counts, const Key& key, const struct counter& counter) {
  if (counter.packets == 0 && counter.bytes == 0 && counter.syns == 0) return;
  VerdictCount& count = counts[key];
  count.packets += counter.packets;
  count.bytes += counter.bytes;
  count.syns += counter.syns;
}

template <typename Key>
std::string lines(const char* title, const std::map<Key, VerdictCount>& counts) {
  std::string text;
  for (const auto& [key, count] : counts) {
    text += fmt::format("  {} {}: {} packets, {} bytes, {} syns\n", title, key, count.packets,
                        count.bytes, count.syns);
  }
  return text;
}

}  // namespace

std::string name_of_verdict(enum verdict verdict) {
  return verdict < VERDICT_COUNT ? kVerdictNames[verdict] : "none";
}

enum verdict verdict_of(const std::string& name) {
  for (int verdict = 0; verdict < VERDICT_COUNT; verdict++) {
    if (name == kVerdictNames[verdict]) return static_cast<enum verdict>(verdict);
  }
  throw std::invalid_argument("no verdict has the name " + name);
}

uint64_t Counts::verdicts() const {
  uint64_t sum = 0;
  for (const auto& [name, count] : verdict) sum += count.packets;
  return sum;
}

std::string Counts::text() const {
  return fmt::format("received {} packets, {} bytes; {} pins refused, tick {}\n", received,
                     received_bytes, pins_refused, pins_refused_tick) +
         lines("verdict", verdict) + lines("backend", backend) + lines("dropped of", dropped);
}

Counts read_counts(const struct tables* tables) {
  Counts counts;
  for (uint32_t row = 0; row < tables->node->counter_rows; row++) {
    const struct counters& from = tables->counters[row];
    counts.received += from.received;
    counts.received_bytes += from.received_bytes;
    counts.pins_refused += from.pins_refused;
    counts.pins_refused_tick = std::max(counts.pins_refused_tick, from.pins_refused_tick);
    for (int i = 0; i < VERDICT_PLACES; i++) {
      // Places that no verdict has are to stay empty.
      add(counts.verdict, std::string(i < VERDICT_COUNT ? kVerdictNames[i] : "none"),
          from.verdict[i]);
    }
    for (uint32_t i = 0; i < SERVICES; i++) add(counts.dropped, i, from.dropped[i]);
    for (uint32_t i = 0; i < BACKENDS; i++) add(counts.backend, i, from.backend[i]);
  }
  return counts;
}

void reset_counts(const struct tables* tables) {
  std::memset(tables->counters, 0, tables->node->counter_rows * sizeof(struct counters));
}

}  // namespace belka
