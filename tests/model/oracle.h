// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "tests/model/planes.h"
#include "tests/model/world.h"

namespace belka::model {

struct Connection {
  uint64_t id = 0;
  uint16_t backend = 0;      // who had its first packet; 0: nobody yet
  bool promised = false;     // it is to be kept there
  bool spoke = false;        // a packet after its SYN was seen: it has seen the answer to it
  bool closed = false;       // it sent a FIN or RST
  bool syn_refused = false;  // there was no place for its SYN's pin
  Time began = 0;
  Time answered = 0;  // when its first packet was sent on
  Time last = 0;      // when it last sent something
};

struct Violation {
  uint64_t seed;
  uint32_t slot;
  uint32_t tuple;
  Time time;
};

// Remembers every connection's first backend, and holds every later packet to it unless there is
// an excuse. Knows nothing of pins.
class Oracle {
 public:
  explicit Oracle(World& world) : world_(world), connections_(world.tuples) {}

  // A new connection of this tuple begins.
  void begin(uint32_t tuple);

  // It sends a packet now.
  void sent(uint32_t tuple, Kind kind);

  // A plane sent the packet to this backend.
  void answered(const Message& message, const Answer& answer);

  void backend_died(uint16_t backend);

  // All of the slot that are not on the backend.
  void given_up(uint32_t slot, uint16_t but);

  const Connection& at(uint32_t tuple) const { return connections_[tuple]; }
  const std::optional<Violation>& first_violation() const { return first_violation_; }

 private:
  bool is_dead(uint16_t backend) const { return world_.backend_plans[backend].dead; }
  void excuse(Connection& connection, Excuse why);
  void first_packet(Connection& connection, const Message& message, uint16_t backend);
  void check(Connection& connection, const Message& message, uint16_t backend);
  void moved(Connection& connection, const Message& message, uint16_t backend);
  void violation(const Message& message, const std::string& what);

  World& world_;
  std::vector<Connection> connections_;
  std::optional<Violation> first_violation_;
  uint64_t ids_ = 0;
};

}  // namespace belka::model
