// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

namespace belka::bench {

/// Tells whether this core was ours alone, by something else than what is measured: a fixed
/// computation that fills the core's units takes up to half as long again while a neighbour on the
/// same host works on the core's other thread. Asked just before and just after each round.
class Witness {
 public:
  Witness();

  /// How long the computation takes now, in TSC cycles.
  uint64_t ask();

  /// Whether two answers say that the core was ours between them: neither more than a tenth slower
  /// than the fastest of all so far.
  bool quiet(uint64_t before, uint64_t after) const;

 private:
  uint64_t fastest_ = UINT64_MAX;
};

/// Rounds of a subject and its floor, and which of them were quiet.
struct Rounds {
  std::vector<double> subject, floor;              ///< all
  std::vector<double> quiet_subject, quiet_floor;  ///< those with a quiet core

  /// One more round: `measure` gives its value.
  template <typename Measure>
  static void add(Witness& witness, std::vector<double>& all, std::vector<double>& quiet,
                  const Measure& measure) {
    const uint64_t before = witness.ask();
    const double value = measure();
    all.push_back(value);
    if (witness.quiet(before, witness.ask())) quiet.push_back(value);
  }

  bool has_quiet() const { return !quiet_subject.empty() && !quiet_floor.empty(); }
};

}  // namespace belka::bench
