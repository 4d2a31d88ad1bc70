// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace belka {

// What a pool is to get. The first of a list is prod, whose share is unused: it takes the rest.
struct PoolShare {
  std::string name;
  uint32_t share_ppm = 0;  // of new connections, 0 to 1,000,000; 0 is a share
  bool match = false;      // exactly as many slots as the pool `canary`; share_ppm is then unused
};

// One fault: the pool at fault (empty where it is the sum), and a sentence that says what was
// found, what is allowed and the remedy.
struct ShareFault {
  std::string pool;
  std::string sentence;
};

// slots[i] is pools[i]'s; they add up to the ring. Meaningful only where faults is empty.
struct ShareSlots {
  std::vector<uint32_t> slots;
  std::vector<ShareFault> faults;
};

// The slot counts of a ring of `slots` slots (a power of two, 16 to 2^22): share * slots /
// 1,000,000, to the nearest, half up. The faults, all at once:
//  - a share above 0 that is no slot, or below 100 % that is all: what would do, and the number of
//    slots that gives the share (or prod) a whole slot;
//  - match on the canary itself, or without a canary;
//  - a sum above 100 %;
//  - only where there is no fault so far: more slots than there are, or none for a prod that is to
//    have a share.
// Where shares that add up to exactly 100 % round to less than the ring, prod has the few slots
// left.
ShareSlots share_slots(uint32_t slots, const std::vector<PoolShare>& pools);

}  // namespace belka
