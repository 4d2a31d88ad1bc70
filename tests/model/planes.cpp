// SPDX-License-Identifier: Apache-2.0
#include "tests/model/planes.h"

#include <algorithm>

namespace belka::model {
namespace {

// Of a packet the decision reads no more than this.
struct packet packet_of(Kind kind, bool udp) {
  struct packet packet {};
  packet.family = IPV4;
  packet.kind = kind == Kind::error ? PACKET_ICMP_ERROR : PACKET_FLOW;
  packet.protocol = udp ? PROTOCOL_UDP : PROTOCOL_TCP;
  if (udp || kind == Kind::error) return packet;
  static constexpr uint8_t kFlags[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_FIN | TCP_ACK,
                                       TCP_RST};
  packet.tcp_flags = kFlags[static_cast<size_t>(kind)];
  return packet;
}

uint64_t with_age(uint64_t pin, uint32_t age) {
  return pin_of(pin >> PIN_IDENTITY_SHIFT, age, pin_state(pin), pin_backend(pin));
}

uint64_t with_state(uint64_t pin, uint32_t state) {
  return pin_of(pin >> PIN_IDENTITY_SHIFT, pin_age(pin), state, pin_backend(pin));
}

uint32_t seen_word(const Message& message) { return static_cast<uint32_t>(message.seen); }

uint32_t seen_tick(const Message& message) { return static_cast<uint32_t>(message.seen >> 32); }

bool may_be_pinned(const Message& message) {
  const uint32_t word = seen_word(message);
  return !slot_is_settled(word) && slot_draining(word) != SLOT_LOOK;
}

bool looks(const Message& message) { return slot_draining(seen_word(message)) == SLOT_LOOK; }

}  // namespace

struct pin_bucket* Planes::bucket_of(const Message& message) const {
  return pins_at(&world_.tables, pin_bucket_of(message.hash));
}

Planes::Place Planes::find(const Message& message) const {
  Place place{nullptr, 0};
  const uint64_t identity = pin_identity(message.slot, message.hash);
  place.pin = pin_find(bucket_of(message), identity, &place.at);
  return place;
}

void Planes::hold_up(const Message& message) {
  if (may_be_pinned(message)) ++row_of(message).pinning;
}

Answer Planes::answer(const Message& message) {
  const uint32_t word = seen_word(message);
  if (slot_is_settled(word)) return {slot_current(word), false};
  struct counters* row = &row_of(message);
  // The decision counts it, and has done so already.
  if (message.delayed && may_be_pinned(message)) --row->pinning;
  const struct packet packet = packet_of(message.kind, world_.is_udp(message.slot));
  const uint64_t refused_before = row->pins_refused;
  Answer answer{};
  answer.backend = without_ == Without::nothing ? decide(message, packet, row)
                                                : decide_broken(message, packet, row);
  answer.refused = row->pins_refused != refused_before;
  if (answer.refused) ++world_.figures.refused;
  if (without_ == Without::default_of_refused && answer.refused && message.kind == Kind::syn)
    answer.backend = slot_current(word);
  return answer;
}

uint16_t Planes::decide(const Message& message, const struct packet& packet, struct counters* row) {
  struct pin_bucket* bucket = bucket_of(message);
  const uint16_t steady = decide_steady_in(&world_.tables, bucket, &packet, row, message.slot,
                                           message.hash, message.seen);
  if (steady != 0) return steady;
  return decide_in_bucket(&world_.tables, bucket, &packet, row, message.slot, message.hash,
                          message.seen);
}

// As if the slot's word were `word`, with no look after it.
uint16_t Planes::decide_once(const Message& message, const struct packet& packet,
                             struct counters* row, uint32_t word) {
  const uint64_t identity = pin_identity(message.slot, message.hash);
  const uint64_t seen = word | uint64_t{seen_tick(message)} << 32;
  const uint32_t decided = decide_by(&world_.tables, bucket_of(message), identity, &packet, seen);
  row->pinning = row->pinning + 1;
  if (decided & DECIDED_REFUSED) count_refusal(row, seen_tick(message));
  return static_cast<uint16_t>(decided);
}

uint16_t Planes::decide_broken(const Message& message, const struct packet& packet,
                               struct counters* row) {
  const uint32_t word = seen_word(message);
  const uint16_t current = slot_current(word);
  const bool holds = slot_draining(word) == SLOT_HOLD;
  const bool is_syn = packet_is_new_connection(&packet) != 0;
  const Place old = find(message);
  spoil_before(message, old);
  switch (without_) {
    case Without::looking:
      if (looks(message)) return current;
      break;
    case Without::default_of_unknown:
      if (slot_is_opening(word) && old.pin == 0 && !is_syn)
        return decide_once(message, packet, row, slot_of(current, SLOT_HOLD));
      break;
    case Without::pin_in_hold:
      if (holds) return decide_once(message, packet, row, slot_of(current, SLOT_LOOK));
      break;
    case Without::quoted_pin:
      if (message.kind == Kind::error) return slot_default(word);
      break;
    case Without::second_look:
      return decide_once(message, packet, row, word);
    default:
      break;
  }
  const uint16_t decided = decide(message, packet, row);
  spoil_after(message, old.pin, decided);
  return decided;
}

void Planes::spoil_before(const Message& message, const Place& old) {
  constexpr uint32_t kVeryOld = PIN_AGE_AHEAD - 1;
  struct pin_bucket* bucket = bucket_of(message);
  if (without_ == Without::no_eviction && old.pin == 0 && !looks(message) &&
      std::none_of(bucket->pin, bucket->pin + PINS_PER_BUCKET, [](auto pin) { return pin == 0; }))
    bucket->pin[message.tuple % PINS_PER_BUCKET] = 0;
  if (old.pin == 0) return;
  if (without_ == Without::following_syn && message.kind == Kind::syn) *old.at = 0;
  const uint32_t ahead = (pin_age(old.pin) - seen_tick(message)) & (PIN_AGES - 1);
  if (without_ == Without::ages_ahead && ahead != 0 && ahead <= PIN_AGES - PIN_AGE_AHEAD)
    *old.at = with_age(old.pin, seen_tick(message) - kVeryOld);
}

void Planes::spoil_after(const Message& message, uint64_t old, uint16_t decided) {
  const bool is_syn = message.kind == Kind::syn && !world_.is_udp(message.slot);
  const Place now = find(message);
  const bool opens = slot_is_opening(seen_word(message));
  const bool renewed = old != 0 && is_syn && now.pin != old && decided != pin_backend(old);
  switch (without_) {
    case Without::pin_of_unknown:
      if (opens && old == 0 && !is_syn && now.pin != 0) *now.at = 0;
      return;
    case Without::pin_of_syn:
      if (opens && old == 0 && is_syn && now.pin != 0) *now.at = 0;
      return;
    case Without::refresh:
      if (old != 0 && now.pin != 0 && !is_syn) *now.at = with_age(now.pin, pin_age(old));
      return;
    case Without::opening_of_half_open:
      if (old != 0 && now.pin != 0 && pin_state(old) == PIN_HALF_OPEN)
        *now.at = with_state(now.pin, PIN_HALF_OPEN);
      return;
    case Without::renewed_by_syn:
      if (renewed && now.pin != 0) *now.at = old;
      return;
    case Without::cleared_by_syn:
      if (renewed && now.pin == 0)
        *std::find(bucket_of(message)->pin, bucket_of(message)->pin + 7, 0u) = old;
      return;
    default:
      return;
  }
}

}  // namespace belka::model
