// SPDX-License-Identifier: Apache-2.0
#include "dataplane/hash_lanes.h"

#include "split/hash.h"
#include "split/siphash.h"

namespace belka {
namespace {

using Vector128 = uint64_t __attribute__((vector_size(16), may_alias));
using Vector256 = uint64_t __attribute__((vector_size(32), may_alias));
using Vector512 = uint64_t __attribute__((vector_size(64), may_alias));

// Macros, because the vectors of a function or template are taken apart for the
// target it stands in before it can be inlined into another.
#define HASH_LANES_WORD(Vector, words) \
  SIPHASH_WORD(v, *reinterpret_cast<const Vector*>(&(words)[lane]))

#define HASH_IPV4_BLOCKS(Vector)           \
  HASH_LANES_WORD(Vector, lanes.block[0]); \
  SIPHASH_WORD(v, HASH_IPV4_LAST)

#define HASH_IPV6_BLOCKS(Vector)           \
  HASH_LANES_WORD(Vector, lanes.block[0]); \
  HASH_LANES_WORD(Vector, lanes.block[1]); \
  HASH_LANES_WORD(Vector, lanes.block[2])

#define HASH_LANES_FUNCTION(name, Vector, attributes, blocks)                 \
  attributes void name(HashLanes& lanes, uint32_t count) {                    \
    constexpr uint32_t kAtOnce = sizeof(Vector) / sizeof(uint64_t);           \
    for (uint32_t lane = 0; lane < count; lane += kAtOnce) {                  \
      Vector v[4];                                                            \
      SIPHASH_BEGIN(v, *reinterpret_cast<const Vector*>(&lanes.key[0][lane]), \
                    *reinterpret_cast<const Vector*>(&lanes.key[1][lane]));   \
      blocks(Vector);                                                         \
      SIPHASH_END(v, *reinterpret_cast<Vector*>(&lanes.hash[lane]));          \
    }                                                                         \
  }

#define HASH_LANES_VERSION(bits, attributes)                                             \
  HASH_LANES_FUNCTION(ipv4_in_##bits##_bits, Vector##bits, attributes, HASH_IPV4_BLOCKS) \
  HASH_LANES_FUNCTION(ipv6_in_##bits##_bits, Vector##bits, attributes, HASH_IPV6_BLOCKS)

HASH_LANES_VERSION(128, )
HASH_LANES_VERSION(256, __attribute__((target("avx2"))))
HASH_LANES_VERSION(512, __attribute__((target("avx512f"))))

bool machine_has_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}

bool machine_has_avx512() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") != 0;
}

const HashLanesVersion& widest() {
  const HashLanesVersion* found = nullptr;
  for (const HashLanesVersion& version : hash_lanes_versions()) {
    if (version.runs_here) found = &version;
  }
  return *found;
}

const HashLanesVersion& best = widest();

}  // namespace

std::span<const HashLanesVersion> hash_lanes_versions() {
  static const HashLanesVersion versions[] = {
      {128, true, ipv4_in_128_bits, ipv6_in_128_bits},
      {256, machine_has_avx2(), ipv4_in_256_bits, ipv6_in_256_bits},
      {512, machine_has_avx512(), ipv4_in_512_bits, ipv6_in_512_bits},
  };
  return versions;
}

void hash_lanes_ipv4(HashLanes& lanes, uint32_t count) { best.ipv4(lanes, count); }

void hash_lanes_ipv6(HashLanes& lanes, uint32_t count) { best.ipv6(lanes, count); }

}  // namespace belka
