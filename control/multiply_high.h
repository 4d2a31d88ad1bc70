// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace belka {

// floor(a * b / 2^64): an even random number of 64 bits becomes one below b, to within b / 2^64
// (Lemire, "Fast random integer generation in an interval", 2019).
inline uint64_t multiply_high(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
}

}  // namespace belka
