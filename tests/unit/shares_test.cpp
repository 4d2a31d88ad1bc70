// SPDX-License-Identifier: Apache-2.0
#include "control/shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/ring_maker.h"

namespace belka {
namespace {

using ring_maker::Random;
using testing::HasSubstr;

const PoolShare kProdShare{"prod", 0, false};

PoolShare canary(uint32_t ppm) { return {"canary", ppm, false}; }

std::vector<uint32_t> slots_of(uint32_t slots, const std::vector<PoolShare>& pools) {
  const ShareSlots result = share_slots(slots, pools);
  for (const ShareFault& fault : result.faults)
    ADD_FAILURE() << fault.pool << ": " << fault.sentence;
  return result.slots;
}

std::string fault_of(uint32_t slots, const std::vector<PoolShare>& pools, const std::string& pool) {
  const ShareSlots result = share_slots(slots, pools);
  EXPECT_TRUE(result.slots.empty());
  if (result.faults.size() != 1) return std::to_string(result.faults.size()) + " faults";
  EXPECT_EQ(result.faults[0].pool, pool);
  return result.faults[0].sentence;
}

TEST(Shares, ExactToTheNearestHalfUp) {
  Random random(1);
  int without_fault = 0;
  for (int round = 0; round < 5000; ++round) {
    const uint32_t slots = ring_maker::random_slots(random, 4, 22);
    const uint32_t ppm = ring_maker::between(random, 0, 1'000'000);
    const ShareSlots result = share_slots(slots, {kProdShare, canary(ppm)});
    if (!result.faults.empty()) continue;
    ++without_fault;
    ASSERT_EQ(result.slots[0] + result.slots[1], slots);
    // Nearest: the distance in millionths of a slot is at most half a slot, and below where it is
    // downward.
    const int64_t over = int64_t{result.slots[1]} * 1'000'000 - int64_t{ppm} * slots;
    ASSERT_LE(over, 500'000);
    ASSERT_GT(over, -500'000);
  }
  EXPECT_GT(without_fault, 4000);
  EXPECT_EQ(slots_of(16, {kProdShare, canary(31'250)})[1], 1u) << "half a slot is rounded up";
}

TEST(Shares, TheUsualSplit) {
  EXPECT_EQ(slots_of(65'536, {kProdShare, canary(10'000), {"baseline", 0, true}}),
            (std::vector<uint32_t>{64'226, 655, 655}));
}

TEST(Shares, NoneIsNone) {
  EXPECT_EQ(slots_of(65'536, {kProdShare}), (std::vector<uint32_t>{65'536}));
  EXPECT_EQ(slots_of(65'536, {kProdShare, canary(0), {"baseline", 0, true}}),
            (std::vector<uint32_t>{65'536, 0, 0}));
}

TEST(Shares, AllIsAll) {
  EXPECT_EQ(slots_of(65'536, {kProdShare, canary(1'000'000)}), (std::vector<uint32_t>{0, 65'536}));
  EXPECT_EQ(slots_of(16, {kProdShare, canary(500'000), {"baseline", 0, true}}),
            (std::vector<uint32_t>{0, 8, 8}));
}

TEST(Shares, AMillionthInAMillionSlots) {
  EXPECT_EQ(slots_of(1u << 20, {kProdShare, canary(1)})[1], 1u);
  EXPECT_EQ(slots_of(1u << 20, {kProdShare, canary(999'999)})[0], 1u);
}

TEST(Shares, MatchHasExactlyTheCanarysSlots) {
  Random random(2);
  for (int round = 0; round < 1000; ++round) {
    const uint32_t ppm = ring_maker::between(random, 0, 490'000);
    const ShareSlots result =
        share_slots(4096, {kProdShare, {"baseline", 7, true}, canary(ppm), {"other", 0, true}});
    if (result.faults.empty()) {
      ASSERT_EQ(result.slots[1], result.slots[2]);
      ASSERT_EQ(result.slots[3], result.slots[2]);
    }
  }
}

TEST(Shares, AShareThatRoundsToNothingNamesWhatWouldDo) {
  EXPECT_EQ(fault_of(65'536, {kProdShare, canary(1)}, "canary"),
            "found 0.0001%, which is no slot of 65536, allowed is 0 or at least 0.0008%, or have "
            "slots: 1048576");
}

TEST(Shares, AShareThatRoundsToAllNamesWhatWouldDo) {
  EXPECT_EQ(
      fault_of(1024, {kProdShare, canary(999'900)}, "canary"),
      "found 99.99%, which is all of 1024 slots, allowed is 100% or at most 99.9511%, or have "
      "slots: 16384");
}

// The bounds that the sentences name are the real ones, and so is the number of slots.
TEST(Shares, TheNamedBoundsHold) {
  for (uint32_t slots = 16; slots <= 4'194'304; slots *= 2) {
    const uint32_t least = (500'000 + slots - 1) / slots;
    const auto is_fine = [&](uint32_t ppm) {
      return share_slots(slots, {kProdShare, canary(ppm)}).faults.empty();
    };
    EXPECT_TRUE(is_fine(least)) << slots;
    if (least > 1) {
      EXPECT_FALSE(is_fine(least - 1)) << slots;
    }
    const uint32_t most = 999'999 - (500'000 / slots);
    EXPECT_TRUE(is_fine(slots > 500'000 ? 999'999 : most)) << slots;
    if (slots <= 500'000) {
      EXPECT_FALSE(is_fine(most + 1)) << slots;
    }
  }
}

TEST(Shares, ASumOverAllIsAFault) {
  EXPECT_THAT(fault_of(65'536, {kProdShare, canary(600'000), {"baseline", 0, true}}, ""),
              HasSubstr("found 120% over all pools beside prod"));
}

TEST(Shares, RoundingThatOverrunsTheRingNamesOneThatWouldDo) {
  std::vector<PoolShare> pools{kProdShare};
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"})
    pools.push_back({name, 93'750, false});  // one slot and a half of 16
  EXPECT_EQ(fault_of(16, pools, ""),
            "found 93.75% over all pools beside prod, which rounds to 20 slots of 16, lower one of "
            "them, or have slots: 32");
  EXPECT_EQ(slots_of(32, pools)[0], 2u);
}

TEST(Shares, ProdAboveZeroWantsASlotToo) {
  EXPECT_EQ(fault_of(16, {kProdShare, canary(500'000), {"baseline", 480'000, false}}, ""),
            "found 98% over all pools beside prod, which leaves prod no slot of 16, lower one of "
            "them, or have slots: 32");
}

TEST(Shares, ThirdsLeaveProdTheSlotThatIsLeft) {
  EXPECT_EQ(slots_of(65'536, {kProdShare, {"a", 333'333}, {"b", 333'333}, {"c", 333'334}}),
            (std::vector<uint32_t>{1, 21'845, 21'845, 21'845}));
}

TEST(Shares, AllFaultsAtOnce) {
  const ShareSlots result = share_slots(16, {kProdShare, canary(1), {"a", 2}, {"b", 999'999}});
  ASSERT_EQ(result.faults.size(), 4u);
  EXPECT_EQ(result.faults[0].pool, "canary");
  EXPECT_EQ(result.faults[1].pool, "a");
  EXPECT_EQ(result.faults[2].pool, "b");
  EXPECT_EQ(result.faults[3].pool, "");
}

TEST(Shares, MatchWantsACanary) {
  EXPECT_THAT(fault_of(16, {kProdShare, {"baseline", 0, true}}, "baseline"),
              HasSubstr("no pool canary"));
  EXPECT_THAT(fault_of(16, {kProdShare, {"canary", 0, true}}, "canary"),
              HasSubstr("cannot match itself"));
}

}  // namespace
}  // namespace belka
