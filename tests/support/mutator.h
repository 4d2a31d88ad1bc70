// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <random>

#include "tests/support/bytes.h"

namespace belka {

/// Damages frames the way parsers are broken: lengths, flags and types in the headers, bits, bytes,
/// ends cut off, pieces doubled or taken out. The same seed gives the same frames.
class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  /// One to four changes. The result has at least 14 bytes (an Ethernet header) if `frame` has, and
  /// at most 1,600 more than it.
  Bytes mutate(const Bytes& frame);

 private:
  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  void change(Bytes& frame);
  size_t position(const Bytes& frame);

  std::mt19937_64 random_;
};

}  // namespace belka
