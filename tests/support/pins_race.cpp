// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pins_race.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "split/decide.h"

namespace belka {
namespace {

constexpr uint32_t kBuckets = 16;        // that the contended connections share
constexpr uint32_t kOwn = 6;             // connections of each writer
constexpr uint32_t kShared = 24;         // of all of them
constexpr uint32_t kRoundsOfTick = 100;  // at most: the sweep keeps up on any machine
constexpr uint32_t kRoundsOfTurn = 4;    // about so often a writer lets the others run
constexpr uint32_t kRoundsOfLife = 23;   // of an own connection, from SYN to FIN
constexpr uint32_t kBatch = 64;          // connections between two barriers
constexpr uint16_t kCurrents[] = {1, 3, 4};

using Random = std::minstd_rand;

/// What went wrong, from all threads.
class Faults {
 public:
  explicit Faults(RaceResult& result) : result_(result) {}
  void add(const std::string& fault) {
    const std::lock_guard lock(mutex_);
    if (result_.faults.size() < 10) result_.faults.push_back(fault);
  }

 private:
  std::mutex mutex_;
  RaceResult& result_;
};

/// Pins that are not tentative, by bucket and identity.
using Pins = std::map<std::pair<uint32_t, uint64_t>, std::vector<uint64_t>>;

Pins confirmed_pins(const std::vector<PlacedPin>& pins) {
  Pins confirmed;
  for (const PlacedPin& at : pins) {
    if (pin_state(at.pin) == PIN_TENTATIVE) continue;
    confirmed[{at.bucket, at.pin >> PIN_IDENTITY_SHIFT}].push_back(at.pin);
  }
  return confirmed;
}

/// What race_while_swept's threads share.
struct Swept {
  Swept(const struct tables* to_race_in, size_t writers);
  const struct tables* tables;
  std::vector<RaceConnection> shared;
  std::vector<std::vector<RaceConnection>> own;    // by writer, the only one to touch them
  std::vector<std::vector<uint16_t>> own_backend;  // the last answer
  std::vector<std::atomic<uint64_t>> rounds;       // done, by writer
  std::atomic<size_t> writing;                     // writers that are not done
  std::atomic<uint32_t> turn{0};                   // the shared connections of which all send
};

Swept::Swept(const struct tables* to_race_in, size_t writers)
    : tables(to_race_in),
      own(writers),
      own_backend(writers, std::vector<uint16_t>(kOwn)),
      rounds(writers),
      writing(writers) {
  uint32_t client = 0;
  while (shared.size() < kShared) shared.push_back(next_race_connection(client, kBuckets));
  for (std::vector<RaceConnection>& connections : own) {
    while (connections.size() < kOwn) connections.push_back(next_race_connection(client, kBuckets));
  }
}

/// A packet of each own connection, which has to stay where its SYN went.
void send_own(Swept& race, const RaceWriter& writer, size_t number, uint32_t round,
              Faults& faults) {
  for (size_t i = 0; i < race.own[number].size(); i++) {
    const uint32_t of_life = (round + static_cast<uint32_t>(i)) % kRoundsOfLife;
    const bool begins = round == 0 || of_life == 0;
    const uint8_t flags = begins ? TCP_SYN : of_life == kRoundsOfLife - 1 ? TCP_FIN : TCP_ACK;
    const uint16_t answer = writer(race.own[number][i], flags);
    uint16_t& backend = race.own_backend[number][i];
    if (!begins && answer != backend) {
      faults.add(fmt::format("writer {}: a connection of its own went to {}, then to {}", number,
                             backend, answer));
    }
    backend = answer;
  }
}

void send_shared(Swept& race, const RaceWriter& writer, Random& random, Faults& faults) {
  constexpr uint8_t kFlags[] = {TCP_SYN, TCP_SYN, TCP_SYN, TCP_ACK, TCP_ACK, TCP_FIN, TCP_RST};
  for (uint32_t i = 0; i < kOwn; i++) {
    const uint32_t at = race.turn.load(std::memory_order_relaxed) + random() % 2;
    const RaceConnection& connection = race.shared[at % kShared];
    const uint16_t answer = writer(connection, kFlags[random() % std::size(kFlags)]);
    if (answer < 1 || answer > 4) faults.add(fmt::format("a packet went to backend {}", answer));
  }
}

/// Two pins of a connection in words that did not change between two looks stood there at once.
void check_bucket(const struct pin_bucket& bucket, Faults& faults) {
  uint64_t pins[PINS_PER_BUCKET];
  for (uint32_t i = 0; i < PINS_PER_BUCKET; i++) pins[i] = LOAD_RELAXED(bucket.pin[i]);
  for (uint32_t i = 0; i < PINS_PER_BUCKET; i++) {
    if (LOAD_RELAXED(bucket.pin[i]) != pins[i] || pin_state(pins[i]) == PIN_TENTATIVE) pins[i] = 0;
  }
  for (uint32_t i = 0; i < PINS_PER_BUCKET; i++) {
    for (uint32_t j = 0; j < i; j++) {
      if (pins[i] == 0 || pins[i] >> PIN_IDENTITY_SHIFT != pins[j] >> PIN_IDENTITY_SHIFT) continue;
      faults.add(fmt::format("two pins of one connection, on backends {} and {}",
                             pin_backend(pins[i]), pin_backend(pins[j])));
    }
  }
}

/// As much of the daemon's sweep as keeps buckets from filling up, and more: shared connections
/// lose their pins at random.
void sweep_bucket(Swept& race, uint32_t bucket, Random& random, RaceResult& result) {
  const uint32_t tick = tick_now(race.tables);
  for (uint64_t& word : race.tables->pins[bucket].pin) {
    const uint64_t pin = LOAD_RELAXED(word);
    if (pin == 0) continue;
    const bool tentative = pin_state(pin) == PIN_TENTATIVE;
    const bool is_shared = std::ranges::any_of(race.shared, [&](const RaceConnection& connection) {
      return connection.identity() == pin >> PIN_IDENTITY_SHIFT;
    });
    const bool goes = tentative   ? pin_idle_ticks(pin, tick) > 1
                      : is_shared ? random() % 2 == 0
                                  : pin_idle_ticks(pin, tick) > 3;
    if (goes && pin_swap(&word, pin, 0)) result.cleared++;
  }
}

/// A tick passes only when every writer has done a whole round since the last, so that no own
/// connection is ever idle for longer than two.
bool may_tick(const Swept& race, std::vector<uint64_t>& seen) {
  for (size_t i = 0; i < seen.size(); i++) {
    if (race.rounds[i].load(std::memory_order_acquire) <= seen[i]) return false;
  }
  for (size_t i = 0; i < seen.size(); i++) {
    seen[i] = race.rounds[i].load(std::memory_order_acquire);
  }
  return true;
}

void sweep_once(Swept& race, Random& random, std::vector<uint64_t>& seen, RaceResult& result,
                Faults& faults) {
  for (uint32_t bucket = 0; bucket < kBuckets; bucket++) {
    check_bucket(race.tables->pins[bucket], faults);
    sweep_bucket(race, bucket, random, result);
  }
  race.turn.fetch_add(1, std::memory_order_relaxed);
  const uint32_t word = slot_of(kCurrents[random() % std::size(kCurrents)], kRaceDefault);
  STORE_RELAXED(race.tables->slots[random() % kRaceSlots], word);
  result.changes++;
  if (!may_tick(race, seen)) return;
  STORE_RELAXED(race.tables->node->tick, tick_now(race.tables) + 1);
  result.ticks++;
}

/// Own connections on another backend than the default must have their pins.
void check_own_pins(const Swept& race, Faults& faults) {
  const auto confirmed = confirmed_pins(read_pins(race.tables));
  for (size_t writer = 0; writer < race.own.size(); writer++) {
    for (size_t i = 0; i < race.own[writer].size(); i++) {
      const RaceConnection& connection = race.own[writer][i];
      const uint16_t backend = race.own_backend[writer][i];
      const auto found = confirmed.find({connection.bucket(), connection.identity()});
      const uint16_t pinned =
          found == confirmed.end() ? kRaceDefault : pin_backend(found->second[0]);
      if (pinned == backend) continue;
      faults.add(fmt::format("a connection of writer {} is on {}, its pin on {}", writer, backend,
                             pinned));
    }
  }
}

/// The writers' answers for one connection are the same, and what its one pin says.
void check_answers(const std::vector<std::vector<uint16_t>>& answers, uint32_t i,
                   const RaceConnection& connection, const Pins& confirmed, Faults& faults) {
  std::string text;
  bool agree = true;
  for (const std::vector<uint16_t>& answer : answers) {
    text += fmt::format(" {}", answer[i]);
    agree = agree && answer[i] == answers[0][i];
  }
  const auto found = confirmed.find({connection.bucket(), connection.identity()});
  const bool one_pin = found != confirmed.end() && found->second.size() == 1 &&
                       pin_backend(found->second[0]) == answers[0][i];
  if (agree && one_pin) return;
  faults.add(fmt::format("connection {} went to{}, and has {} pins", i, text,
                         found == confirmed.end() ? 0 : found->second.size()));
}

uint64_t refused(const struct tables* tables) {
  uint64_t sum = 0;
  for (uint32_t row = 0; row < tables->node->counter_rows; row++) {
    sum += LOAD_RELAXED(tables->counters[row].pins_refused);
  }
  return sum;
}

}  // namespace

RaceResult race_while_swept(const struct tables* tables, const std::vector<RaceWriter>& writers,
                            uint32_t rounds) {
  RaceResult result;
  Faults faults(result);
  Swept race(tables, writers.size());
  std::vector<std::thread> threads;
  for (size_t number = 0; number < writers.size(); number++) {
    threads.emplace_back([&, number] {
      Random random(static_cast<uint32_t>(number) + 1);
      for (uint32_t round = 0; round < rounds; round++) {
        while (tick_now(tables) < round / kRoundsOfTick) std::this_thread::yield();
        send_own(race, writers[number], number, round, faults);
        send_shared(race, writers[number], random, faults);
        race.rounds[number].fetch_add(1, std::memory_order_release);
        if (random() % kRoundsOfTurn == 0) std::this_thread::yield();
      }
      race.writing--;
    });
  }
  std::thread sweeper([&] {
    Random random(99);
    std::vector<uint64_t> seen(writers.size(), 0);
    while (race.writing != 0) {
      sweep_once(race, random, seen, result, faults);
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
  sweeper.join();
  for (uint32_t bucket = 0; bucket < kBuckets; bucket++) check_bucket(tables->pins[bucket], faults);
  check_own_pins(race, faults);
  result.packets = uint64_t{2} * kOwn * rounds * writers.size();
  result.refused = refused(tables);
  return result;
}

RaceResult race_for_one_answer(const struct tables* tables, const std::vector<RaceWriter>& writers,
                               uint32_t connections) {
  RaceResult result;
  Faults faults(result);
  std::vector<RaceConnection> all;
  for (uint32_t client = 0; client < connections; client++) all.push_back(race_connection(client));
  std::vector<std::vector<uint16_t>> answers(writers.size(), std::vector<uint16_t>(connections));
  std::barrier batch(static_cast<ptrdiff_t>(writers.size()));
  std::vector<std::thread> threads;
  for (size_t number = 0; number < writers.size(); number++) {
    threads.emplace_back([&, number] {
      for (uint32_t i = 0; i < connections; i++) {
        if (i % kBatch == 0) batch.arrive_and_wait();
        // Of half the connections all send a SYN; of the rest some do.
        const bool is_syn = i % 2 == 0 || (i / 2 + number) % 2 == 0;
        answers[number][i] = writers[number](all[i], is_syn ? TCP_SYN : TCP_ACK);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto confirmed = confirmed_pins(read_pins(tables));
  for (uint32_t i = 0; i < connections; i++) check_answers(answers, i, all[i], confirmed, faults);
  result.packets = uint64_t{connections} * writers.size();
  result.refused = refused(tables);
  return result;
}

}  // namespace belka
