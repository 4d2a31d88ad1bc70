// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "dataplane/tables.h"
#include "split/classify.h"
#include "split/decide.h"
#include "split/echo.h"
#include "split/forward.h"
#include "split/hash.h"
#include "split/parse.h"
#include "tests/support/executor.h"

namespace belka {
namespace {

class NativeExecutor : public Executor {
 public:
  const struct tables* tables() const override { return tables_.view(); }

  std::vector<Outcome> run(std::span<const Bytes> frames, const Conditions& conditions) override {
    std::vector<Outcome> outcomes;
    for (const Bytes& frame : frames) {
      set_echo_buckets(tables(), conditions.echo);
      outcomes.push_back(run_one(frame, conditions.headroom_bytes));
    }
    return outcomes;
  }

 private:
  Outcome run_one(const Bytes& frame, uint32_t headroom_bytes) {
    // Exactly so long, so that the address sanitizer sees each byte read beyond.
    const std::unique_ptr<uint8_t[]> buffer(new uint8_t[headroom_bytes + frame.size()]);
    uint8_t* data = buffer.get() + headroom_bytes;
    std::copy(frame.begin(), frame.end(), data);
    struct packet packet;
    uint32_t room = 0;
    const enum verdict verdict = split(data, data + frame.size(), headroom_bytes, &packet, &room);
    count(verdict, frame.size(), packet);
    const enum action action = action_of(verdict);
    if (action == ACTION_DROP) return {verdict, {}};
    return {verdict, Bytes(data - room, data + frame.size())};
  }

  enum verdict split(uint8_t* data, const uint8_t* end, uint32_t headroom_bytes,
                     struct packet* packet, uint32_t* room) {
    const uint32_t frame_bytes = static_cast<uint32_t>(end - data);
    struct choice choice;
    service_ = backend_ = -1;
    enum verdict verdict =
        classify(tables(), packet, parse(data, end, frame_bytes, packet), &choice);
    if (verdict == VERDICT_echo_replied) {
      return echo_answer(data, end, packet, &tables()->counters[0].echo_full_ns, kExecutorNowNs);
    }
    if (verdict != VERDICT_none) return verdict;
    service_ = choice.service;
    const uint64_t hash = hash_flow(&choice, packet);
    const uint32_t slot = slot_index(&choice, hash);
    const uint16_t number = decide_moving(tables(), packet, &tables()->counters[0], slot,
                                          connection_hash(&choice, packet, hash));
    struct route route;
    verdict = forward_check(packet, backend_at(tables(), number), kIngressIfindex, &route);
    if (verdict != VERDICT_none) return verdict;
    const uint32_t wanted = forward_room_bytes(packet, &route);
    if (wanted > headroom_bytes) return VERDICT_no_room;
    if (!forward_write(data - wanted, end, packet, &route, hash)) return VERDICT_truncated;
    *room = wanted;
    backend_ = number;
    return forward_verdict(&route);
  }

  void count(enum verdict verdict, uint64_t bytes, const struct packet& packet) {
    struct counters& row = tables()->counters[0];
    row.received++;
    row.received_bytes += bytes;
    add(row.verdict[verdict], bytes);
    if (backend_ >= 0) {
      add(row.backend[backend_], bytes);
      row.backend[backend_].syns += packet_is_new_connection(&packet);
    } else if (service_ >= 0) {
      add(row.dropped[service_], bytes);
    }
  }

  static void add(struct counter& counter, uint64_t bytes) {
    counter.packets++;
    counter.bytes += bytes;
  }

  Tables tables_ = Tables::create_private(1, 0);
  int service_ = -1, backend_ = -1;
};

}  // namespace

#define VERDICT_ACTION(name, action, help) ACTION_##action,
enum action action_of(enum verdict verdict) {
  static constexpr enum action kActions[] = {VERDICTS(VERDICT_ACTION)};
  return verdict < VERDICT_COUNT ? kActions[verdict] : ACTION_DROP;
}
#undef VERDICT_ACTION

void set_echo_buckets(const struct tables* tables, EchoBucket bucket) {
  if (bucket == EchoBucket::as_left) return;
  const uint64_t never = uint64_t{1} << 62;
  for (uint32_t row = 0; row < tables->node->counter_rows; row++) {
    tables->counters[row].echo_full_ns = bucket == EchoBucket::full ? 0 : never;
  }
}

std::unique_ptr<Executor> make_native_executor() { return std::make_unique<NativeExecutor>(); }

}  // namespace belka
