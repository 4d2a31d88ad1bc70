// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace belka::model {

// A counter, mixed: any seed is as good as any other, and the same seed gives the same run
// anywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

  uint64_t word() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mix = (state_ ^ state_ >> 32) * 0xd6e8feb86659fd93;
    mix = (mix ^ mix >> 32) * 0xd6e8feb86659fd93;
    return mix ^ mix >> 32;
  }

  // 0 .. limit - 1
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>((word() >> 32) * limit >> 32); }

  // 1 .. most
  int64_t up_to(int64_t most) { return 1 + below(static_cast<uint32_t>(most)); }

  bool once_in(uint32_t times) { return below(times) == 0; }
  bool percent(uint32_t chance) { return below(100) < chance; }

 private:
  uint64_t state_;
};

}  // namespace belka::model
