// SPDX-License-Identifier: Apache-2.0
#include "tests/model/world.h"

#include <fmt/format.h>

#include <cstring>
#include <numeric>
#include <utility>

namespace belka::model {

Shape random_shape(const Options& options) {
  Random random(~options.seed);
  Shape shape{};
  shape.slots = 4 + random.below(12);
  shape.udp_slots = shape.slots / 4;
  shape.first_slot = SLOTS_PER_LINE * random.below(kSlotsInReach / SLOTS_PER_LINE);
  shape.backends = 3 + random.below(6);
  shape.tuples = shape.slots * (4 + random.below(24));
  const uint32_t load_percent = 15 + random.below(166);
  shape.buckets = std::max(1u, shape.tuples * 100 / PINS_PER_BUCKET / load_percent);
  static constexpr uint32_t kIdleTicks[] = {8, 8, 8, 8, 2, 3, 5, 32};
  static constexpr uint32_t kGentle[] = {100, 100, 0, 50};
  shape.idle_ticks = kIdleTicks[random.below(std::size(kIdleTicks))];
  shape.gentle_percent = kGentle[random.below(std::size(kGentle))];
  shape.delayed_percent = random.percent(50) ? 2 : 20;
  shape.error_percent = 2;
  shape.floods = random.percent(30);
  // What it does wrong with a hold that it finds is seen only where it is back within a tick.
  shape.brisk = options.without == Without::hold_after_restart;
  if (shape.brisk) shape.gentle_percent = 100;
  if (options.dense) {
    shape.idle_ticks = 2 + random.below(2);
    shape.delayed_percent = 50;
    shape.error_percent = 20;
    shape.floods = false;
  }
  return shape;
}

World::World(const TableView& shared, const Options& asked, const Shape& shape)
    : Shape(shape),
      options(asked),
      random(asked.seed),
      tables(shared),
      slot_plans(slots),
      backend_plans(backends + 1) {
  for (SlotPlan& plan : slot_plans) {
    plan.home = plan.wanted = any_backend();
    plan.heirs.resize(backends);
    std::iota(plan.heirs.begin(), plan.heirs.end(), uint16_t{1});
    for (uint32_t i = backends - 1; i > 0; --i)
      std::swap(plan.heirs[i], plan.heirs[random.below(i + 1)]);
  }
}

void World::lay_out() {
  std::memset(tables.pins, 0, sizeof(struct pin_bucket) * kBucketsInReach);
  std::memset(tables.slots, 0, sizeof(uint32_t) * kSlotsInReach);
  std::memset(tables.since, 0, sizeof(uint16_t) * kSlotsInReach);
  for (uint32_t number = 1; number <= backends; ++number) {
    tables.backends[number] = {};
    tables.backends[number].next_hop.part.state = BACKEND_READY;
  }
  for (uint32_t row = 0; row < kPlanes; ++row) {
    struct counters& counters = tables.counters[row];
    counters.pinning = counters.pins_refused = counters.pins_refused_tick = 0;
  }
  // Ages are kept modulo 64, beginnings modulo 65,536: both wrap soon.
  tables.node->tick = random.percent(50) ? random.below(200) : 65'536 - random.below(200);
  for (uint32_t i = 0; i < slots; ++i)
    tables.slots[first_slot + i] = slot_settled(slot_plans[i].home);
}

uint64_t World::hash_of(uint32_t tuple, uint32_t bucket) const {
  constexpr uint32_t kTags = 1u << PIN_TAG_BITS;
  return slot_of_tuple(tuple) | uint64_t{bucket} << 22 | uint64_t{tuple % kTags} << 42;
}

void World::tell(const std::string& text) const {
  fmt::print("{:9.2f}  tick {:5}  {}\n", static_cast<double>(now) / kTick, tick(), text);
}

std::string text_of_word(uint32_t word) {
  const uint16_t draining = slot_draining(word);
  if (draining == SLOT_LOOK) return fmt::format("{{{}, look}}", slot_current(word));
  if (draining == SLOT_HOLD) return fmt::format("{{{}, hold}}", slot_current(word));
  return fmt::format("{{{}, {}}}", slot_current(word), draining);
}

}  // namespace belka::model
