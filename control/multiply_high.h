// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace belka {

// 2^64 divided by the golden ratio: its multiples by consecutive numbers, cut to 64 bits, are as
// even as any (Knuth, "The Art of Computer Programming", volume 3, section 6.4).
inline constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;

// floor(a * b / 2^64): an even random number of 64 bits becomes one below b, to within b / 2^64
// (Lemire, "Fast random integer generation in an interval", 2019).
inline uint64_t multiply_high(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
}

}  // namespace belka
