// SPDX-License-Identifier: Apache-2.0
// The table of pins with a million connections in it: what it costs to read one, to put them in,
// and what the daemon's sweep takes at each tick.
#include <rte_cycles.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "control/error.h"
#include "control/keeper.h"
#include "split/pins.h"
#include "tests/bench/figures.h"
#include "tests/bench/start_eal.h"
#include "tests/bench/traffic.h"
#include "tests/bench/witness.h"

namespace belka::bench {
namespace {

constexpr int kRounds = 15;
constexpr uint32_t kBurst = 32;
constexpr Traffic kTraffic = {.flows = kFlows, .slots = Slots::opening};

struct NewPin {
  uint32_t bucket;
  uint64_t pin;
};

std::vector<NewPin> new_pins() {
  std::vector<NewPin> pins;
  for (uint32_t n = 0; n < kFlows; n++) {
    const uint64_t hash = hash_of(kTraffic, n);
    const uint64_t identity = pin_identity(static_cast<uint32_t>(hash) & 0xffff, hash);
    pins.push_back({pin_bucket_of(hash), pin_of(identity, 0, PIN_OPEN, 1)});
  }
  return pins;
}

/// As the data plane does it: the buckets of a burst are asked for, then it puts pins in.
uint64_t insert_all(const struct tables* tables, const std::vector<NewPin>& pins) {
  uint64_t inserted = 0;
  for (size_t first = 0; first < pins.size(); first += kBurst) {
    for (size_t i = first; i < first + kBurst; i++) rte_prefetch0(pins_at(tables, pins[i].bucket));
    for (size_t i = first; i < first + kBurst; i++) {
      struct pin_bucket* bucket = pins_at(tables, pins[i].bucket);
      inserted += pin_insert(bucket, pins[i].pin, 1) == PIN_INSERTED;
    }
  }
  return inserted;
}

/// In TSC cycles per unit; the quiet rounds tell, where there are any.
Figure figure_of(const Rounds& rounds, bool in_cycles) {
  const std::vector<double>& told =
      rounds.quiet_subject.empty() ? rounds.subject : rounds.quiet_subject;
  const double cycles = median(told);
  return {.ns = cycles * 1e9 / static_cast<double>(rte_get_tsc_hz()),
          .cycles = in_cycles ? cycles : 0};
}

Figure measure_insert() {
  start_eal();
  const Tables tables = Tables::create_private(0, 1);
  const std::vector<NewPin> pins = new_pins();
  Witness witness;
  Rounds rounds;
  for (int round = 0; round < kRounds; round++) {
    std::memset(tables.view()->pins, 0, sizeof(struct pin_bucket) * PIN_BUCKETS);
    const auto insert = [&] {
      const uint64_t begin = rte_rdtsc_precise();
      const uint64_t inserted = insert_all(tables.view(), pins);
      const auto cycles = static_cast<double>(rte_rdtsc_precise() - begin);
      if (inserted + 10 < kFlows) throw Error("pins found no place");
      return cycles / kFlows;
    };
    rounds.add(
        witness, [] { return 0.0; }, insert);
  }
  return figure_of(rounds, true);
}

/// One bucket after the other, each found by what the last one held: what a plane that handles one
/// packet at a time, and so cannot ask for memory ahead, at least waits for.
uint64_t read_all(const struct tables* tables, const std::vector<NewPin>& pins) {
  uint64_t last = 0;
  for (const NewPin& pin : pins) {
    const struct pin_bucket* bucket = pins_at(tables, pin.bucket ^ (last >> 63));
    last = LOAD_RELAXED(bucket->pin[0]);
  }
  return last;
}

Figure measure_read() {
  start_eal();
  const Tables tables = Tables::create_private(0, 1);
  std::memset(tables.view()->pins, 0, sizeof(struct pin_bucket) * PIN_BUCKETS);
  const std::vector<NewPin> pins = new_pins();
  Witness witness;
  Rounds rounds;
  for (int round = 0; round < kRounds; round++) {
    const auto read = [&] {
      const uint64_t begin = rte_rdtsc_precise();
      if (read_all(tables.view(), pins) != 0) throw Error("there are pins in an empty table");
      return static_cast<double>(rte_rdtsc_precise() - begin) / kFlows;
    };
    rounds.add(
        witness, [] { return 0.0; }, read);
  }
  return figure_of(rounds, true);
}

Figure measure_sweep() {
  start_eal();
  const Tables tables = Tables::create_private(0, 1);
  fill_tables(tables.view(), kTraffic);
  Stores stores;
  Keeper keeper(*tables.view(), stores);
  keeper.sweep();  // looks whether there are any
  Witness witness;
  Rounds rounds;
  for (int round = 0; round < kRounds; round++) {
    const auto sweep = [&] {
      const uint64_t begin = rte_rdtsc_precise();
      const Sweep swept = keeper.sweep();
      const auto cycles = static_cast<double>(rte_rdtsc_precise() - begin);
      if (swept.pins + 10 < kFlows) throw Error("the sweep did not see every pin");
      return cycles;
    };
    rounds.add(
        witness, [] { return 0.0; }, sweep);
  }
  return figure_of(rounds, false);
}

const bool kRegistered = [] {
  add_figure("pins/read", "reported", measure_read);
  add_figure("pins/insert", "reported", measure_insert);
  add_figure("pins/sweep", "reported", measure_sweep);
  return true;
}();

}  // namespace
}  // namespace belka::bench
