// SPDX-License-Identifier: Apache-2.0
#include "control/siphash.h"

#include <string>

#include "split/siphash.h"

namespace belka {
namespace {

void compress(uint64_t (&v)[4], uint64_t word) {
  v[3] ^= word;
  SIPHASH_ROUND(v);
  SIPHASH_ROUND(v);
  v[0] ^= word;
}

uint64_t finish(uint64_t (&v)[4]) {
  v[2] ^= 0xff;
  for (int round = 0; round < 4; ++round) SIPHASH_ROUND(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t little_endian(std::span<const uint8_t> bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < bytes.size(); ++i) word |= uint64_t{bytes[i]} << (8 * i);
  return word;
}

}  // namespace

uint64_t siphash24(const SipKey& key, std::span<const uint8_t> message) {
  uint64_t v[4];
  SIPHASH_BEGIN(v, key.k0, key.k1);
  const uint64_t length = uint64_t{message.size()} << 56;
  for (; message.size() >= 8; message = message.subspan(8))
    compress(v, little_endian(message.first(8)));
  compress(v, little_endian(message) | length);
  return finish(v);
}

uint64_t siphash24(const SipKey& key, std::string_view message) {
  return siphash24(key,
                   std::span(reinterpret_cast<const uint8_t*>(message.data()), message.size()));
}

uint64_t siphash24(const SipKey& key, uint64_t number) {
  uint64_t v[4];
  SIPHASH_BEGIN(v, key.k0, key.k1);
  compress(v, number);
  compress(v, uint64_t{8} << 56);
  return finish(v);
}

SipKey derive_key(const SipKey& key, std::string_view purpose) {
  const std::string name(purpose);
  return {siphash24(key, name + ".0"), siphash24(key, name + ".1")};
}

}  // namespace belka
