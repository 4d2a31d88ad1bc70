// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/witness.h"

#include <rte_cycles.h>

#include <algorithm>

namespace belka::bench {
namespace {

constexpr int kSteps = 1500;
constexpr int kFirst = 2000;  // answers, some milliseconds, to know the fastest
constexpr uint64_t kAllowedPercent = 110;

// Six chains that do not wait for one another: more than a shared core can do.
uint64_t compute(uint64_t seed) {
  uint64_t a = seed, b = seed + 1, c = seed + 2, d = seed + 3, e = seed + 4, f = seed + 5;
  for (int i = 0; i < kSteps; i++) {
    a = (a << 7 ^ a) + 1;
    b = (b << 9 ^ b) + 1;
    c = (c << 5 ^ c) + 1;
    d = (d << 3 ^ d) + 1;
    e = (e << 8 ^ e) + 1;
    f = (f << 6 ^ f) + 1;
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  }
  return a ^ b ^ c ^ d ^ e ^ f;
}

}  // namespace

Witness::Witness() {
  for (int i = 0; i < kFirst; i++) ask();
}

uint64_t Witness::ask() {
  const uint64_t begin = rte_rdtsc_precise();
  uint64_t result = compute(begin);
  asm volatile("" : "+r"(result));
  const uint64_t taken = rte_rdtsc_precise() - begin;
  fastest_ = std::min(fastest_, taken);
  return taken;
}

bool Witness::quiet(uint64_t answer) const { return answer * 100 <= fastest_ * kAllowedPercent; }

}  // namespace belka::bench
