// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace belka::bench {

/// Tells whether this core was ours alone, by something else than what is measured: a fixed
/// computation that fills the core's units takes up to half as long again while a neighbour on the
/// same host works on the core's other thread. Asked before, between and after what is measured.
class Witness {
 public:
  Witness();

  /// How long the computation takes now, in TSC cycles.
  uint64_t ask();

  /// Whether an answer says that the core was ours: it took no more than a tenth longer than the
  /// fastest of all so far.
  bool quiet(uint64_t answer) const;

 private:
  uint64_t fastest_ = UINT64_MAX;
};

/// Rounds of a subject and its floor, and which of them were quiet.
struct Rounds {
  std::vector<double> subject, floor;              ///< all
  std::vector<double> quiet_subject, quiet_floor;  ///< those whose core was quiet for both

  /// One more round: each of the two gives its value.
  template <typename Floor, typename Subject>
  void add(Witness& witness, const Floor& measure_floor, const Subject& measure_subject) {
    const uint64_t before = witness.ask();
    floor.push_back(measure_floor());
    const uint64_t between = witness.ask();
    subject.push_back(measure_subject());
    if (!witness.quiet(std::max({before, between, witness.ask()}))) return;
    quiet_floor.push_back(floor.back());
    quiet_subject.push_back(subject.back());
  }
};

}  // namespace belka::bench
