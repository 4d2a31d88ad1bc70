// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace belka::model {

// Time is counted in units. All lengths are chosen so that they meet: a tick is 64 of them.
using Time = int64_t;
inline constexpr Time kTick = 64;
inline constexpr Time kStall = kTick / 2;        // a plane is held up for so long at most
inline constexpr Time kSynGap = kTick;           // a SYN is sent again after so long at most
inline constexpr Time kHold = kSynGap + kStall;  // hence a held slot waits for so long
inline constexpr Time kClosingLife = 2 * kTick;  // a connection is kept after its FIN
inline constexpr Time kLongAgo = -1'000'000'000;

enum class What : uint8_t {
  client,     // index: tuple
  delivery,   // index: place among the packets under way
  tick,       // stamp: the daemon that made it
  hold_over,  // index: slot; stamp: of the hold
  changes,
  death,
  noticed,   // index: backend
  recovery,  // index: backend
  kill,
  start,
  limit,
  flood,
};

struct Event {
  Time time;
  uint64_t order;  // of two at the same time the one that was planned first
  What what;
  uint32_t index;
  uint32_t stamp;
};

class Agenda {
 public:
  void at(Time time, What what, uint32_t index = 0, uint32_t stamp = 0) {
    events_.push({time, order_++, what, index, stamp});
  }

  Event next() {
    const Event event = events_.top();
    events_.pop();
    return event;
  }

 private:
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };

  std::priority_queue<Event, std::vector<Event>, Later> events_;
  uint64_t order_ = 0;
};

}  // namespace belka::model
