// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mutator.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace belka {
namespace {

constexpr size_t kEthernetBytes = 14;
constexpr size_t kHeaderBytes = 120;  // where nearly all that is looked at stands

/// Values that mean something somewhere: protocols, extension headers, versions, edges.
constexpr std::array<uint8_t, 28> kBytes = {0,  1,  2,  4,  6,  17,  20,  41,  43,  44,
                                            50, 51, 58, 59, 60, 127, 128, 135, 139, 140,
                                            5,  7,  8,  64, 69, 224, 255, 0x46};
constexpr std::array<uint16_t, 16> kWords = {0x0800, 0x86dd, 0x8100, 0x88a8, 0x0000, 0x0001,
                                             0xffff, 0x2000, 0x1fff, 0x4000, 0x0014, 0x0028,
                                             0x0050, 0x0035, 0x8000, 0x05dc};

}  // namespace

/// Mostly in the headers.
size_t Mutator::position(const Bytes& frame) {
  const bool anywhere = below(8) == 0;
  const size_t limit = anywhere ? frame.size() : std::min(frame.size(), kHeaderBytes);
  return limit <= 12 ? below(limit) : 12 + below(limit - 12);
}

void Mutator::change(Bytes& frame) {
  if (frame.empty()) return;
  const size_t at = position(frame);
  const auto here = frame.begin() + static_cast<ptrdiff_t>(at);
  switch (below(9)) {
    case 0:
      *here ^= static_cast<uint8_t>(1 << below(8));
      break;
    case 1:
      *here = static_cast<uint8_t>(below(256));
      break;
    case 2:
      *here = kBytes[below(kBytes.size())];
      break;
    case 3:
      *here = static_cast<uint8_t>(*here + below(9) - 4);
      break;
    case 4:
    case 5:
      if (at + 1 < frame.size()) {
        const uint16_t word = kWords[below(kWords.size())];
        here[0] = static_cast<uint8_t>(word >> 8);
        here[1] = static_cast<uint8_t>(word);
      }
      break;
    case 6:
      frame.resize(std::max(std::min(frame.size(), kEthernetBytes), at));
      break;
    case 7: {  // a piece once more: tags, extension headers, options
      const Bytes piece(here, here + static_cast<ptrdiff_t>(
                                         std::min<size_t>(4 + 4 * below(10), frame.size() - at)));
      frame.insert(here, piece.begin(), piece.end());
      break;
    }
    default: {
      const size_t bytes = std::min(1 + below(40), frame.size() - at);
      if (frame.size() - bytes >= kEthernetBytes) {
        frame.erase(here, here + static_cast<ptrdiff_t>(bytes));
      }
    }
  }
}

Bytes Mutator::mutate(const Bytes& frame) {
  Bytes mutated = frame;
  const size_t changes = 1 + below(4);
  for (size_t i = 0; i < changes; i++) change(mutated);
  return mutated;
}

}  // namespace belka
