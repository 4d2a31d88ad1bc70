// SPDX-License-Identifier: Apache-2.0
// Hashes side by side in vectors are the hashes one by one.
#include <gtest/gtest.h>

#include <random>

#include "dataplane/hash_lanes.h"
#include "split/hash.h"

namespace belka {
namespace {

struct Message {
  uint64_t key[2];
  struct packet packet;
};

Message random_message(std::mt19937_64& random, uint8_t family) {
  Message message{{random(), random()}, {}};
  for (uint64_t& word : message.packet.address) word = random();
  message.packet.ports = static_cast<uint32_t>(random());
  message.packet.protocol = static_cast<uint8_t>(random());
  message.packet.family = family;
  return message;
}

void fill(HashLanes& lanes, uint32_t lane, const Message& message) {
  const struct packet& packet = message.packet;
  lanes.key[0][lane] = message.key[0];
  lanes.key[1][lane] = message.key[1];
  lanes.block[0][lane] = packet.family == IPV4 ? HASH_IPV4_FIRST(&packet) : packet.address[0];
  lanes.block[1][lane] = packet.address[1];
  lanes.block[2][lane] = HASH_IPV6_LAST(&packet);
}

void compare(const HashLanesVersion& version, uint8_t family, uint32_t count,
             std::mt19937_64& random) {
  HashLanes lanes;
  Message messages[kHashLanes];
  for (uint32_t lane = 0; lane < count; lane++) {
    messages[lane] = random_message(random, family);
    fill(lanes, lane, messages[lane]);
  }
  (family == IPV4 ? version.ipv4 : version.ipv6)(lanes, count);
  for (uint32_t lane = 0; lane < count; lane++) {
    ASSERT_EQ(lanes.hash[lane], hash_five_tuple(messages[lane].key, &messages[lane].packet))
        << version.vector_bits << " bits, IPv" << int{family} << ", lane " << lane << " of "
        << count;
  }
}

TEST(BurstHashTest, LanesOfEveryWidthAreTheSingleHash) {
  std::mt19937_64 random(1);
  for (const HashLanesVersion& version : hash_lanes_versions()) {
    if (!version.runs_here) {
      std::printf("no vectors of %u bits on this machine\n", version.vector_bits);
      continue;
    }
    for (int round = 0; round < 50; round++) {
      for (uint32_t count = 1; count <= kHashLanes; count++) {
        compare(version, IPV4, count, random);
        compare(version, IPV6, count, random);
      }
    }
  }
}

TEST(BurstHashTest, TheChosenVersionIsOneOfThem) {
  std::mt19937_64 random(2);
  const Message message = random_message(random, IPV6);
  HashLanes lanes;
  fill(lanes, 0, message);
  hash_lanes_ipv6(lanes, 1);
  EXPECT_EQ(lanes.hash[0], hash_five_tuple(message.key, &message.packet));
  Message other = random_message(random, IPV4);
  fill(lanes, 0, other);
  hash_lanes_ipv4(lanes, 1);
  EXPECT_EQ(lanes.hash[0], hash_five_tuple(other.key, &other.packet));
}

}  // namespace
}  // namespace belka
