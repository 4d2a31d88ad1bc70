// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tests/model/world.h"

namespace belka::model {

enum class Kind : uint8_t { syn, syn_ack, data, fin, rst, error };

// A packet from the client's side, and what the plane that has it saw of its slot.
struct Message {
  uint32_t tuple;
  uint32_t slot;
  uint64_t hash;
  uint64_t connection;  // 0: spoofed
  Kind kind;
  bool delayed;  // the plane saw the slot some time before it acts
  Time sent;
  uint64_t seen;  // the slot's word, and above it the tick
};

struct Answer {
  uint16_t backend;
  bool refused;  // there was no place for a pin
};

// Both planes: the shared decision, called as burst.cpp and belka.bpf.c do. One of them is held up
// now and then. Takes out rules of the decision.
class Planes {
 public:
  explicit Planes(World& world) : world_(world), without_(world.options.without) {}

  // The delayed plane has this packet, has read its slot, and goes no further now. It has counted
  // it among those that may be pinned, as a plane does first.
  void hold_up(const Message& message);

  Answer answer(const Message& message);

 private:
  struct Place {
    uint64_t* at;
    uint64_t pin;  // 0: none
  };

  struct counters& row_of(const Message& message) const {
    return world_.tables.counters[message.delayed ? 1 : 0];
  }
  struct pin_bucket* bucket_of(const Message& message) const;
  Place find(const Message& message) const;
  uint16_t decide(const Message& message, const struct packet& packet, struct counters* row);
  uint16_t decide_once(const Message& message, const struct packet& packet, struct counters* row,
                       uint32_t word);
  uint16_t decide_broken(const Message& message, const struct packet& packet, struct counters* row);
  void spoil_before(const Message& message, const Place& old);
  void spoil_after(const Message& message, uint64_t old, uint16_t decided);

  World& world_;
  const Without without_;
};

}  // namespace belka::model
