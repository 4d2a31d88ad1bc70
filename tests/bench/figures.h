// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

namespace belka::bench {

double median(std::vector<double> values);

/// What one benchmark found, per packet or per operation. Its floor was measured in the same run,
/// in turn with it.
struct Figure {
  double ns = 0;
  double floor_ns = 0;
  double cycles = 0;  ///< TSC cycles; 0 where the figure is not in cycles
  double floor_cycles = 0;
  double quiet_above = 0;    ///< above the floor, medians of the quiet rounds alone (witness.h)
  double quiet_percent = 0;  ///< of the rounds; 0: none was
  bool tells_quiet() const { return quiet_percent >= 10; }  ///< of fewer a median says little
  std::string note;
};

/// Registers a benchmark that is measured once, by `measure`, which does its own rounds. `goal` is
/// what to reach, for the table; a pure text.
void add_figure(const std::string& name, const std::string& goal,
                const std::function<Figure()>& measure);

/// The goal of a name, for the table; empty where there is none.
std::string goal_of(const std::string& name);

}  // namespace belka::bench
