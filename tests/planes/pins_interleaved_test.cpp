// SPDX-License-Identifier: Apache-2.0
// The decision in moving slots, run by several planes and the daemon at once, in every order of
// their accesses in which a few of them are stopped on the way: what PinsRaceTest meets by chance.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/tables.h"
#include "split/portable.h"
#include "tests/support/interleave.h"
#include "tests/support/pin_table.h"

namespace belka {
namespace {
bool stop_at_loads = false;  // else only where something is exchanged
void load_point() {
  if (stop_at_loads) interleave_point();
}
}  // namespace
}  // namespace belka

// The real code, with a point before each access to shared memory.
#undef LOAD_RELAXED
#define LOAD_RELAXED(word) (belka::load_point(), __atomic_load_n(&(word), __ATOMIC_RELAXED))
#define __atomic_compare_exchange_n(...) \
  (belka::interleave_point(), __atomic_compare_exchange_n(__VA_ARGS__))
#include "split/decide.h"

namespace belka {
namespace {

constexpr uint64_t kHash = 0x123456789abcdef0;
constexpr uint32_t kSlot = 5;
constexpr uint32_t kTick = 100;
constexpr uint32_t kPlanes = 4;
constexpr uint16_t kDown = 9;
constexpr uint64_t kMostOrders = 3'000'000;

/// Backends 1, 3 and 4 are what the slot may change to, 2 is what it drains to.
class PinsInterleavedTest : public testing::Test {
 protected:
  PinsInterleavedTest() {
    order_.begin = [this] { begin(); };
    order_.end = [this] { return fault_(); };
  }

  /// What a plane decides on a packet. Its row of counters is its own.
  uint16_t decide(uint32_t plane, uint8_t tcp_flags, uint64_t hash = kHash) {
    struct packet packet {};
    packet.kind = PACKET_FLOW;
    packet.tcp_flags = tcp_flags;
    const uint16_t steady = decide_steady(tables_.view(), &packet, &row(plane), kSlot, hash);
    return steady ? steady : decide_moving(tables_.view(), &packet, &row(plane), kSlot, hash);
  }

  /// One more plane that works at once with the others, with one packet; its answer will stand in
  /// answers_.
  void packet(uint8_t tcp_flags, uint64_t hash = kHash) {
    const auto plane = static_cast<uint32_t>(answers_.size());
    answers_.push_back(0);
    also([this, plane, tcp_flags, hash] { answers_[plane] = decide(plane, tcp_flags, hash); });
  }

  const struct tables* view() const { return tables_.view(); }

  void also(const std::function<void()>& task) { order_.tasks.push_back(task); }
  void forget_tasks() { order_.tasks.clear(); }

  struct counters& row(uint32_t plane) {
    return tables_.view()->counters[plane];
  }
  struct pin_bucket& bucket() {
    return tables_.view()->pins[pin_bucket_of(kHash)];
  }
  void set_slot(uint32_t word) { tables_.view()->slots[kSlot] = word; }

  void store_slot(uint16_t current, uint16_t draining) {
    interleave_point();
    STORE_RELAXED(tables_.view()->slots[kSlot], slot_of(current, draining));
  }

  void next_tick() {
    interleave_point();
    STORE_RELAXED(tables_.view()->node->tick, tables_.view()->node->tick + 1);
  }

  /// The daemon frees a word, if it still is what it was.
  void free_word(uint32_t place) {
    const uint64_t pin = LOAD_RELAXED(bucket().pin[place]);
    if (pin != 0) pin_swap(&bucket().pin[place], pin, 0);
  }

  static uint64_t own_pin(uint32_t age, uint32_t state, uint16_t backend, uint64_t hash = kHash) {
    return pin_of(pin_identity(kSlot, hash), age, state, backend);
  }

  void fill_with_strangers(uint32_t words) {
    for (uint32_t i = 0; i < words; i++) {
      bucket().pin[i] = own_pin(kTick, PIN_OPEN, 2) + ((i + 1ull) << PIN_IDENTITY_SHIFT);
    }
  }

  std::vector<uint64_t> pins_of(uint64_t hash) {
    std::vector<uint64_t> pins;
    for (const PlacedPin& at : read_pins(tables_.view(), pin_bucket_of(hash))) {
      if (at.pin >> PIN_IDENTITY_SHIFT == pin_identity(kSlot, hash)) pins.push_back(at.pin);
    }
    return pins;
  }

  std::string text() {
    std::string answers;
    for (const uint16_t answer : answers_) answers += fmt::format(" {}", answer);
    return fmt::format("the packets went to{}; {}", answers,
                       pins_text(read_pins(tables_.view(), pin_bucket_of(kHash))));
  }

  /// All packets went the same way, and one pin says so.
  std::string one_answer() {
    const std::vector<uint64_t> pins = pins_of(kHash);
    const bool one = pins.size() == 1 && pin_state(pins[0]) != PIN_TENTATIVE;
    const bool same = one && std::ranges::all_of(answers_, [&](uint16_t answer) {
                        return answer == pin_backend(pins[0]);
                      });
    return same ? "" : text();
  }

  /// In every order with so many stops, before loads too or before exchanges only.
  void expect_no_fault(uint32_t stops, bool at_loads) {
    order_.stops = stops;
    stop_at_loads = at_loads;
    const Interleaved done = interleave(order_, kMostOrders);
    EXPECT_EQ(done.fault, "");
    RecordProperty("orders", std::to_string(done.orders));
  }

  std::function<void()> prepare_ = [] {};
  std::function<std::string()> fault_;
  std::vector<uint16_t> answers_;

 private:
  void begin() {
    bucket() = {};
    tables_.view()->slots[kSlot] = slot_of(1, 2);
    tables_.view()->node->tick = kTick;
    tables_.view()->backends[kDown].down = 1;
    for (uint32_t plane = 0; plane < kPlanes; plane++) row(plane).pins_refused = 0;
    std::ranges::fill(answers_, uint16_t{0});
    prepare_();
  }

  Tables tables_ = Tables::create_private(0, kPlanes);
  Interleaving order_;
};

TEST_F(PinsInterleavedTest, TwoSynsGoTheSameWay) {
  packet(TCP_SYN);
  packet(TCP_SYN);
  fault_ = [this] { return one_answer(); };
  expect_no_fault(3, true);
}

TEST_F(PinsInterleavedTest, ASynAndAnAckGoTheSameWay) {
  packet(TCP_SYN);
  packet(TCP_ACK);
  fault_ = [this] { return one_answer(); };
  expect_no_fault(3, true);
}

// A tentative pin of one writer must not be confirmed by another.
TEST_F(PinsInterleavedTest, ThreePacketsGoTheSameWayWhileAWordBecomesFree) {
  packet(TCP_SYN);
  packet(TCP_ACK);
  packet(TCP_SYN);
  also([this] { free_word(0); });
  prepare_ = [this] { fill_with_strangers(1); };
  fault_ = [this] { return one_answer(); };
  expect_no_fault(3, false);
}

TEST_F(PinsInterleavedTest, TwoPacketsGoTheSameWayWhileAWordBecomesFree) {
  packet(TCP_SYN);
  packet(TCP_ACK);
  also([this] { free_word(0); });
  prepare_ = [this] { fill_with_strangers(1); };
  fault_ = [this] { return one_answer(); };
  expect_no_fault(2, true);
}

TEST_F(PinsInterleavedTest, TwoPacketsGoTheSameWayWhenTheirBackendIsDown) {
  packet(TCP_ACK);
  packet(TCP_SYN);
  prepare_ = [this] { bucket().pin[3] = own_pin(kTick, PIN_OPEN, kDown); };
  fault_ = [this] { return one_answer(); };
  expect_no_fault(2, true);
}

// The age is written by exchange: a plain store would bring back a pin that the sweep has freed,
// over that of another connection.
TEST_F(PinsInterleavedTest, AWordThatWasFreedAndTakenIsNotWrittenOver) {
  constexpr uint64_t kOther = kHash ^ 1ull << 42;
  packet(TCP_ACK);
  packet(TCP_SYN, kOther);
  also([this] { free_word(0); });
  prepare_ = [this] { bucket().pin[0] = own_pin(kTick - 1, PIN_OPEN, 2); };
  fault_ = [this] {
    const std::vector<uint64_t> pins = pins_of(kOther), own = pins_of(kHash);
    const bool kept = pins.size() == 1 && pin_backend(pins[0]) == 1 && answers_[1] == 1;
    return kept && own.size() <= 1 && answers_[0] == 2 ? "" : text();
  };
  expect_no_fault(3, true);
}

// A sweep after a slot was settled leaves no pin in it, also none that a plane puts in late.
TEST_F(PinsInterleavedTest, NoPinIsPutIntoASettledSlotLate) {
  packet(TCP_ACK);
  also([this] {
    store_slot(1, SLOT_LOOK);
    store_slot(1, 1);
    for (uint32_t place = 0; place < PINS_PER_BUCKET; place++) free_word(place);
  });
  fault_ = [this] { return pins_of(kHash).empty() ? "" : text(); };
  expect_no_fault(3, true);
}

/// A connection begins while the daemon changes its slot: what its SYN and what its ACK was told is
/// the same.
struct Change {
  std::string name;
  uint32_t strangers;  ///< words that are taken
  std::vector<uint32_t> words;
};

void PrintTo(const Change& change, std::ostream* out) { *out << change.name; }  // NOLINT

class PinsChangedTest : public PinsInterleavedTest, public testing::WithParamInterface<Change> {};

TEST_P(PinsChangedTest, ANewConnectionStaysWhereItsSynWent) {
  answers_.resize(2);
  also([this] {
    answers_[0] = decide(0, TCP_SYN);
    answers_[1] = decide(0, TCP_ACK);
  });
  also([this] {
    for (const uint32_t word : GetParam().words)
      store_slot(slot_current(word), slot_draining(word));
    if (GetParam().strangers != 0) free_word(0);
  });
  prepare_ = [this] {
    fill_with_strangers(GetParam().strangers);
    set_slot(GetParam().words[0]);
  };
  fault_ = [this] { return answers_[0] == answers_[1] ? "" : text(); };
  expect_no_fault(4, true);
}

INSTANTIATE_TEST_SUITE_P(
    All, PinsChangedTest,
    testing::Values(Change{"changed_on", 0, {slot_of(1, 2), slot_of(3, 2), slot_of(4, 2)}},
                    Change{"undone", 0, {slot_of(1, 2), slot_of(2, SLOT_LOOK)}},
                    Change{"flipped", 0, {slot_of(1, 2), slot_of(1, SLOT_LOOK)}},
                    Change{"held_then_changed", 0, {slot_of(1, SLOT_HOLD), slot_of(3, 1)}},
                    Change{"held_then_undone", 0, {slot_of(1, SLOT_HOLD), slot_of(1, SLOT_LOOK)}},
                    Change{"full_changed_on", 8, {slot_of(1, 2), slot_of(3, 2), slot_of(4, 2)}},
                    Change{"full_undone", 8, {slot_of(1, 2), slot_of(2, SLOT_LOOK)}},
                    Change{"full_held_then_changed", 8, {slot_of(1, SLOT_HOLD), slot_of(3, 1)}}),
    [](const auto& test) { return test.param.name; });

// A plane that found no place, was stopped, and finds the slot changed, takes out no other's pin.
TEST_F(PinsInterleavedTest, WhoWasRefusedLeavesThePinThatAnotherPutIn) {
  bool stood = false;
  packet(TCP_ACK);
  also([this, &stood] {
    free_word(0);
    decide(1, TCP_ACK);
    stood = !pins_of(kHash).empty();
    store_slot(1, SLOT_LOOK);
  });
  prepare_ = [this, &stood] {
    fill_with_strangers(PINS_PER_BUCKET);
    stood = false;
  };
  fault_ = [this, &stood] {
    return !stood || row(0).pins_refused == 0 || !pins_of(kHash).empty() ? "" : text();
  };
  expect_no_fault(3, true);
}

// Nor does one that put in a pin itself, if that was used since.
TEST_F(PinsInterleavedTest, WhoPutInAPinLeavesItToThoseWhoUsedItSince) {
  bool used = false;
  packet(TCP_ACK);
  also([this, &used] {
    next_tick();
    const std::vector<uint64_t> pins = pins_of(kHash);
    const bool stood = !pins.empty() && pin_state(pins[0]) == PIN_OPEN;
    used = stood && pin_idle_ticks(pins[0], kTick + 1) == 1;
    decide(1, TCP_ACK);
    store_slot(1, SLOT_LOOK);
  });
  prepare_ = [&used] { used = false; };
  fault_ = [this, &used] { return !used || !pins_of(kHash).empty() ? "" : text(); };
  expect_no_fault(3, true);
}

// A plane that was held up for longer than a tick, between its looks at the slot and at the pins,
// may have missed what the daemon does to words and pins that old. So it decides once more, though
// the slot's word is what it was.
class PinsHeldUpTest : public PinsInterleavedTest {
 protected:
  void decide_after(uint32_t ticks) {
    also([this, ticks] {
      struct packet packet {};
      packet.kind = PACKET_FLOW;
      packet.tcp_flags = TCP_ACK;
      const uint64_t seen = slot_word(view(), kSlot) | uint64_t{kTick} << 32;
      view()->node->tick = kTick + ticks;
      decide_in_bucket(view(), &bucket(), &packet, &row(0), kSlot, kHash, seen);
    });
  }
};

TEST_F(PinsHeldUpTest, APinIsPutInAnewAfterTwoTicksAndStaysAfterOne) {
  for (const uint32_t ticks : {0, 1, 2, 5}) {
    decide_after(ticks);
    fault_ = [this, ticks] {
      const uint32_t age = ticks > 1 ? kTick + ticks : kTick;
      return pins_of(kHash) == std::vector{own_pin(age, PIN_OPEN, 2)} ? "" : text();
    };
    expect_no_fault(0, false);
    forget_tasks();
  }
}

TEST_F(PinsHeldUpTest, ARefusalIsCountedAnewAfterTwoTicksAndOnceAfterOne) {
  prepare_ = [this] { fill_with_strangers(PINS_PER_BUCKET); };
  for (const uint32_t ticks : {0, 1, 2, 5}) {
    decide_after(ticks);
    fault_ = [this, ticks] {
      const bool again = ticks > 1;
      const uint64_t tick = again ? kTick + ticks : kTick;
      const bool counted = row(0).pins_refused == (again ? 2u : 1u);
      return counted && row(0).pins_refused_tick == tick + 1 ? "" : text();
    };
    expect_no_fault(0, false);
    forget_tasks();
  }
}

}  // namespace
}  // namespace belka
