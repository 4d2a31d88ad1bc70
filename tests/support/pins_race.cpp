// SPDX-License-Identifier: Apache-2.0
#include "tests/support/pins_race.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "split/decide.h"
#include "tests/support/pin_table.h"
#include "tests/support/stumble.h"

namespace belka {
namespace {

constexpr uint32_t kBuckets = 16;        // that the contended connections share
constexpr uint32_t kOwn = 6;             // connections of each writer
constexpr uint32_t kShared = 24;         // of all of them
constexpr uint32_t kRoundsOfTurn = 16;   // about so often a writer lets the others run
constexpr uint32_t kRoundsOfLife = 11;   // of an own connection, from SYN to FIN
constexpr uint32_t kChangesOfTick = 16;  // of slots
constexpr uint32_t kBatchBuckets = 32;   // between two barriers: a new connection in each
constexpr size_t kFaultsTold = 10;

using Random = std::minstd_rand;

/// What went wrong, from all threads.
class Faults {
 public:
  explicit Faults(RaceResult& result) : result_(result) {}
  void add(const std::string& fault) {
    const std::lock_guard lock(mutex_);
    result_.fault_count++;
    if (result_.faults.size() < kFaultsTold) result_.faults.push_back(fault);
  }

 private:
  std::mutex mutex_;
  RaceResult& result_;
};

/// What race_while_swept's threads share.
struct Swept {
  Swept(const struct tables* to_race_in, size_t writers);
  std::vector<bool> kept_slots() const;

  const struct tables* tables;
  std::vector<RaceConnection> shared;
  std::vector<std::vector<RaceConnection>> own;    // by writer, the only one to touch them
  std::vector<std::vector<uint16_t>> own_backend;  // what the first packet was told
  std::vector<std::atomic<uint64_t>> rounds;       // done, by writer
  std::atomic<size_t> writing;                     // writers with rounds left; others go on
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

std::vector<bool> Swept::kept_slots() const {
  std::vector<bool> kept(kRaceSlots);
  for (const std::vector<RaceConnection>& connections : own) {
    for (const RaceConnection& connection : connections) kept[connection.slot] = true;
  }
  return kept;
}

bool begins(uint32_t round, size_t i) { return round == 0 || (round + i) % kRoundsOfLife == 0; }

/// The next packet of each own connection, and as many of shared ones.
std::vector<RacePacket> packets_of(const Swept& race, size_t number, uint32_t round,
                                   Random& random) {
  constexpr uint8_t kFlags[] = {TCP_SYN, TCP_SYN, TCP_SYN, TCP_ACK, TCP_ACK, TCP_FIN, TCP_RST};
  std::vector<RacePacket> packets;
  for (size_t i = 0; i < kOwn; i++) {
    const bool ends = (round + i + 1) % kRoundsOfLife == 0;
    const uint8_t flags = begins(round, i) ? TCP_SYN : ends ? TCP_FIN : TCP_ACK;
    packets.push_back({&race.own[number][i], flags});
    const uint32_t at = race.turn.load(std::memory_order_relaxed) + random() % 2;
    packets.push_back({&race.shared[at % kShared], kFlags[random() % std::size(kFlags)]});
  }
  return packets;
}

/// Own connections stay where their SYN went.
void check_packets(Swept& race, size_t number, uint32_t round,
                   const std::vector<RacePacket>& packets, Faults& faults) {
  for (size_t i = 0; i < packets.size(); i++) {
    const uint16_t answer = packets[i].backend;
    if (answer < 1 || answer > kRaceBackends) {
      faults.add(fmt::format("a packet went to backend {}", answer));
    }
    if (i % 2 != 0) continue;
    uint16_t& backend = race.own_backend[number][i / 2];
    if (!begins(round, i / 2) && answer != backend) {
      faults.add(fmt::format("writer {}: a connection of its own went to {}, then to {}", number,
                             backend, answer));
    }
    backend = answer;
  }
}

void write_rounds(Swept& race, const RaceWriter& writer, size_t number, uint32_t rounds,
                  Faults& faults) {
  Random random(static_cast<uint32_t>(number) + 1);
  for (uint32_t round = 0; race.writing != 0; round++) {
    std::vector<RacePacket> packets = packets_of(race, number, round, random);
    writer(packets);
    check_packets(race, number, round, packets, faults);
    race.rounds[number].fetch_add(1, std::memory_order_release);
    if (round + 1 == rounds) race.writing--;
    if (random() % kRoundsOfTurn == 0) std::this_thread::yield();
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

/// A tick passes only when every writer has done a whole round since the last, so that no own
/// connection is ever idle for longer than two, and nobody works with a word from before the last.
bool may_tick(const Swept& race, std::vector<uint64_t>& seen) {
  for (size_t i = 0; i < seen.size(); i++) {
    if (race.rounds[i].load(std::memory_order_acquire) <= seen[i]) return false;
  }
  for (size_t i = 0; i < seen.size(); i++) {
    seen[i] = race.rounds[i].load(std::memory_order_acquire);
  }
  return true;
}

void keep(Swept& race, RaceDaemon& daemon, Faults& faults) {
  std::vector<uint64_t> seen(race.rounds.size(), 0);
  stumble_more();
  while (race.writing != 0) {
    for (uint32_t i = 0; i < kBuckets; i++) check_bucket(race.tables->pins[i], faults);
    if (may_tick(race, seen)) {
      daemon.tick();
      for (uint32_t i = 0; i < kChangesOfTick; i++) daemon.change();
    } else {
      daemon.sweep();
    }
    race.turn.fetch_add(1, std::memory_order_relaxed);
    std::this_thread::yield();
  }
}

/// The connection's pins that are not tentative.
std::vector<uint64_t> pins_of(const struct tables* tables, const RaceConnection& connection) {
  std::vector<uint64_t> pins;
  for (const PlacedPin& at : read_pins(tables, connection.bucket())) {
    const bool own = at.pin >> PIN_IDENTITY_SHIFT == connection.identity();
    if (own && pin_state(at.pin) != PIN_TENTATIVE) pins.push_back(at.pin);
  }
  return pins;
}

/// When nobody writes any more: where the next packet of each own connection would go.
void check_own_pins(const Swept& race, Faults& faults) {
  for (size_t writer = 0; writer < race.own.size(); writer++) {
    for (size_t i = 0; i < race.own[writer].size(); i++) {
      const RaceConnection& connection = race.own[writer][i];
      const uint16_t backend = race.own_backend[writer][i];
      const std::vector<uint64_t> pins = pins_of(race.tables, connection);
      const uint16_t next =
          pins.empty() ? slot_default(race.tables->slots[connection.slot]) : pin_backend(pins[0]);
      if (pins.size() <= 1 && next == backend) continue;
      faults.add(fmt::format("a connection of writer {} is on {}; it has {} pins, on {}", writer,
                             backend, pins.size(), next));
    }
  }
}

void check_none_is_tentative(const struct tables* tables, uint32_t buckets, Faults& faults) {
  for (uint32_t bucket = 0; bucket < buckets; bucket++) {
    for (const PlacedPin& at : read_pins(tables, bucket)) {
      if (pin_state(at.pin) == PIN_TENTATIVE) faults.add("a word was left tentative");
    }
  }
}

uint64_t refused(const struct tables* tables) {
  uint64_t sum = 0;
  for (uint32_t row = 0; row < tables->node->counter_rows; row++) {
    sum += LOAD_RELAXED(tables->counters[row].pins_refused);
  }
  return sum;
}

/// What race_for_one_answer's writers send of, and what they were told. In each bucket stand a new
/// connection and one that was silent for too long.
struct Batch {
  Batch(const struct tables* to_race_in, size_t writers);

  /// Of half the new connections all writers send a SYN; of the rest some do. Then comes a packet
  /// of the silent one, and one more of the new.
  std::vector<RacePacket> packets(size_t number, uint32_t batch) const;
  void begin(Random& random) const;
  void take(size_t number, const std::vector<RacePacket>& packets);

  const struct tables* tables;
  std::vector<RaceConnection> fresh, silent;                        // by bucket
  std::vector<std::vector<std::pair<uint16_t, uint16_t>>> answers;  // by writer: the fresh ones'
};

Batch::Batch(const struct tables* to_race_in, size_t writers)
    : tables(to_race_in),
      fresh(kBatchBuckets),
      silent(kBatchBuckets),
      answers(writers, std::vector<std::pair<uint16_t, uint16_t>>(kBatchBuckets)) {
  size_t missing = 2 * kBatchBuckets;
  for (uint32_t client = 0; missing > 0;) {
    const RaceConnection next = next_race_connection(client, kBatchBuckets);
    RaceConnection& one = fresh[next.bucket()];
    RaceConnection& other = silent[next.bucket()];
    RaceConnection& place = one.frame.empty() ? one : other;
    if (!place.frame.empty() || one.slot == next.slot) continue;
    place = next;
    missing--;
  }
}

std::vector<RacePacket> Batch::packets(size_t number, uint32_t batch) const {
  std::vector<RacePacket> packets;
  for (size_t i = 0; i < kBatchBuckets; i++) {
    const size_t turn = i + batch;
    const bool is_syn = turn % 2 == 0 || (turn / 2 + number) % 2 == 0;
    packets.push_back({&fresh[i], static_cast<uint8_t>(is_syn ? TCP_SYN : TCP_ACK)});
    packets.push_back({&silent[i], TCP_ACK});
    packets.push_back({&fresh[i], TCP_ACK});
  }
  return packets;
}

void Batch::take(size_t number, const std::vector<RacePacket>& packets) {
  for (size_t i = 0; i < kBatchBuckets; i++) {
    answers[number][i] = {packets[3 * i].backend, packets[3 * i + 2].backend};
  }
}

/// All words are free but for those of the silent connection, of up to two that are as silent,
/// which the next sweep clears, and now and then of the new one itself, on a backend that is down.
void Batch::begin(Random& random) const {
  constexpr uint32_t kLongAgo = 20;
  const uint32_t then = tick_now(tables) - kLongAgo;
  for (uint32_t bucket = 0; bucket < kBatchBuckets; bucket++) {
    uint64_t pins[PINS_PER_BUCKET] = {};
    size_t count = random() % 3;
    for (size_t i = 0; i < count; i++) pins[i] = pin_of(i + 1, then, PIN_OPEN, kRaceDefault);
    pins[count++] = pin_of(silent[bucket].identity(), then, PIN_OPEN, 3);
    if (random() % 2 == 0) {
      pins[count] = pin_of(fresh[bucket].identity(), then + kLongAgo, PIN_OPEN, RaceDaemon::kFails);
      std::swap(pins[count], pins[random() % (count + 1)]);
    }
    for (uint32_t i = 0; i < PINS_PER_BUCKET; i++)
      STORE_RELAXED(tables->pins[bucket].pin[i], pins[i]);
  }
}

/// The writers' answers for one connection are the same, and what its one pin says.
void check_answers(const Batch& batch, size_t i, Faults& faults) {
  std::string text;
  bool agree = true;
  const uint16_t first = batch.answers[0][i].first;
  for (const auto& answers : batch.answers) {
    text += fmt::format(" {},{}", answers[i].first, answers[i].second);
    agree = agree && answers[i] == std::pair(first, first);
  }
  const std::vector<uint64_t> pins = pins_of(batch.tables, batch.fresh[i]);
  if (agree && pins.size() == 1 && pin_backend(pins[0]) == first) return;
  faults.add(fmt::format("connection {} went to{}, and has {} pins", i, text, pins.size()));
}

uint64_t percent(uint64_t slots, const RaceDaemon::Done& done) {
  return done.ticks == 0 ? 0 : 100 * slots / (kRaceSlots * done.ticks);
}

}  // namespace

RaceResult race_while_swept(const struct tables* tables, const std::vector<RaceWriter>& writers,
                            uint32_t rounds) {
  RaceResult result;
  Faults faults(result);
  Swept race(tables, writers.size());
  RaceDaemon daemon(tables, kBuckets, race.kept_slots());
  std::vector<std::thread> threads;
  for (size_t number = 0; number < writers.size(); number++) {
    threads.emplace_back(
        [&, number] { write_rounds(race, writers[number], number, rounds, faults); });
  }
  threads.emplace_back([&] { keep(race, daemon, faults); });
  for (std::thread& thread : threads) thread.join();
  for (uint32_t bucket = 0; bucket < kBuckets; bucket++) check_bucket(tables->pins[bucket], faults);
  check_none_is_tentative(tables, kBuckets, faults);
  check_own_pins(race, faults);
  for (const std::atomic<uint64_t>& done : race.rounds) result.packets += 2 * kOwn * done;
  result.refused = refused(tables);
  result.daemon = daemon.done();
  return result;
}

RaceResult race_for_one_answer(const struct tables* tables, const std::vector<RaceWriter>& writers,
                               uint32_t batches) {
  RaceResult result;
  Faults faults(result);
  Batch batch(tables, writers.size());
  RaceDaemon daemon(tables, kBatchBuckets, std::vector<bool>(kRaceSlots));
  daemon.fail_for_good();
  Random random(1);
  batch.begin(random);
  const auto end_batch = [&]() noexcept {
    for (size_t i = 0; i < kBatchBuckets; i++) {
      check_answers(batch, i, faults);
      check_bucket(tables->pins[i], faults);
    }
    check_none_is_tentative(tables, kBatchBuckets, faults);
    batch.begin(random);
  };
  std::barrier all_have_sent(static_cast<ptrdiff_t>(writers.size()), end_batch);
  std::atomic<size_t> writing = writers.size();
  std::vector<std::thread> threads;
  for (size_t number = 0; number < writers.size(); number++) {
    threads.emplace_back([&, number] {
      for (uint32_t n = 0; n < batches; n++) {
        std::vector<RacePacket> packets = batch.packets(number, n);
        writers[number](packets);
        batch.take(number, packets);
        all_have_sent.arrive_and_wait();
      }
      writing--;
    });
  }
  threads.emplace_back([&] {
    stumble_more();
    for (; writing != 0; std::this_thread::yield()) daemon.sweep();
  });
  for (std::thread& thread : threads) thread.join();
  result.packets = uint64_t{3} * kBatchBuckets * batches * writers.size();
  result.refused = refused(tables);
  result.daemon = daemon.done();
  return result;
}

std::string race_text(const std::string& race, size_t writers, const RaceResult& result) {
  const RaceDaemon::Done& done = result.daemon;
  std::string text = fmt::format(
      "figure: pins: {}: {} packets of {} writers, {} refused; {} ticks, {} pins cleared, {} "
      "changes of slots ({} % of them opening, {} % looking), {} flips, {} settled, {} failures of "
      "a backend: {} faults\n",
      race, result.packets, writers, result.refused, done.ticks, done.cleared, done.changes,
      percent(done.opening, done), percent(done.looking, done), done.flipped, done.settled,
      done.failures, result.fault_count);
  for (const std::string& fault : result.faults) text += fmt::format("{}: {}\n", race, fault);
  return text;
}

}  // namespace belka
