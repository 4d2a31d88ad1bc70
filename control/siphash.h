// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace belka {

// A SipHash key: the 16 bytes as two little-endian numbers, k0 first.
struct SipKey {
  uint64_t k0 = 0;
  uint64_t k1 = 0;
  bool operator==(const SipKey&) const = default;
};

// SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), for what the
// control side derives: keys, the ranks of slots, the backends' places. Packets are hashed by
// bpf/split/hash.h, which has fewer rounds.
uint64_t siphash24(const SipKey& key, std::span<const uint8_t> message);
uint64_t siphash24(const SipKey& key, std::string_view message);

// The same for a message of eight bytes: the number, little-endian.
uint64_t siphash24(const SipKey& key, uint64_t number);

// A key for one purpose, so that no two purposes hash under the same key:
// k0 = siphash24(key, purpose + ".0"), k1 = siphash24(key, purpose + ".1").
SipKey derive_key(const SipKey& key, std::string_view purpose);

}  // namespace belka
