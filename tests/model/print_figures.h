// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include "tests/model/figures.h"

namespace belka::model {

inline void print_figures(const char* what, const Figures& sum) {
  fmt::print("figure: {}: {} packets, {} of them delayed; {} connections\n", what, sum.packets,
             sum.delayed, sum.connections);
  fmt::print("figure: {}: {} changes, {} flips, {} settles in {} ticks\n", what, sum.changes,
             sum.flips, sum.settles, sum.ticks);
  fmt::print("figure: {}: {} kills of the daemon, {} of them inside a change or a tick\n", what,
             sum.kills, sum.kills_in_a_store);
  fmt::print("figure: {}: {} deaths of backends, {} drain limits, {} pins refused\n", what,
             sum.deaths, sum.limits, sum.refused);
  for (size_t why = 0; why < kExcuseNames.size(); ++why)
    fmt::print("figure: {}: {} connections excused: {}\n", what, sum.excused[why],
               kExcuseNames[why]);
  fmt::print("figure: {}: {} packets under way to a backend that had died\n", what, sum.lost);
  fmt::print("figure: {}: {} packets checked, {} violations\n", what, sum.checked, sum.violations);
}

}  // namespace belka::model
