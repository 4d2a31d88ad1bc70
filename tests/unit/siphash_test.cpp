// SPDX-License-Identifier: Apache-2.0
#include "control/siphash.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace belka {
namespace {

// The paper's key: the bytes 00 to 0f.
constexpr SipKey kPaperKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::vector<uint8_t> counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

TEST(SipHash, AgreesWithThePapersExample) {
  EXPECT_EQ(siphash24(kPaperKey, counting(15)), 0xa129ca6149be45e5);  // Appendix A
}

// The first vectors of the authors' implementation (vectors.h, SipHash-2-4-64), as little-endian
// numbers.
TEST(SipHash, AgreesWithTheAuthorsVectors) {
  const uint64_t vectors[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                              0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                              0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462};
  for (size_t size = 0; size < std::size(vectors); ++size)
    EXPECT_EQ(siphash24(kPaperKey, counting(size)), vectors[size]) << size << " bytes";
}

TEST(SipHash, ANumberIsItsEightLittleEndianBytes) {
  EXPECT_EQ(siphash24(kPaperKey, uint64_t{0x0706050403020100}), 0x93f5f5799a932462);
}

TEST(SipHash, TextIsItsBytes) {
  const std::vector<uint8_t> bytes{'w', 'e', 'b'};
  EXPECT_EQ(siphash24(kPaperKey, "web"), siphash24(kPaperKey, std::span(bytes)));
}

TEST(SipHash, EachPurposeAndKeyHasItsOwnKey) {
  std::set<uint64_t> halves;
  for (const SipKey& key : {kPaperKey, SipKey{}, SipKey{1, 0}, SipKey{0, 1}})
    for (const char* purpose : {"rank", "backend"}) {
      const SipKey derived = derive_key(key, purpose);
      halves.insert({derived.k0, derived.k1});
    }
  EXPECT_EQ(halves.size(), 16u);
}

}  // namespace
}  // namespace belka
