// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace belka {

/// Small functions run as if each had a processor of its own, in one order after another: code that
/// calls interleave_point() before each access to shared memory meets every order of these accesses
/// that is asked for, and a failure comes again in the same order each time.

/// A task may be stopped here, and go on later from here. Elsewhere than in a task it does nothing.
void interleave_point();

struct Interleaving {
  std::vector<std::function<void()>> tasks;
  std::function<void()> begin;       ///< before each order: shared memory as it was
  std::function<std::string()> end;  ///< after each: what is wrong, or nothing
  uint32_t stops = 2;                ///< of tasks before their end, in one order
};

struct Interleaved {
  uint64_t orders = 0;
  std::string fault;  ///< of the first order that has one, and that order
};

/// Runs every order of the tasks in which at most `stops` times one is stopped before its end.
/// Throws Error where there are more than `most`. One call at a time in a process.
Interleaved interleave(const Interleaving& wanted, uint64_t most);

}  // namespace belka
