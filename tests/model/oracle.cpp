// SPDX-License-Identifier: Apache-2.0
#include "tests/model/oracle.h"

#include <fmt/format.h>

namespace belka::model {

void Oracle::begin(uint32_t tuple) {
  connections_[tuple] = {.id = ++ids_, .promised = true, .began = world_.now, .last = world_.now};
  ++world_.figures.connections;
}

void Oracle::excuse(Connection& connection, Excuse why) {
  if (!connection.promised) return;
  connection.promised = false;
  ++world_.figures.excused[static_cast<size_t>(why)];
}

void Oracle::sent(uint32_t tuple, Kind kind) {
  if (kind == Kind::error) return;  // a router did
  Connection& connection = connections_[tuple];
  const Time silent = world_.now - connection.last;
  if (connection.closed && silent > kClosingLife) excuse(connection, Excuse::closed);
  if (silent > kTick * world_.idle_ticks) excuse(connection, Excuse::idle);
  connection.last = world_.now;
  if (kind == Kind::fin || kind == Kind::rst) connection.closed = true;
}

void Oracle::backend_died(uint16_t backend) {
  for (Connection& connection : connections_)
    if (connection.backend == backend) excuse(connection, Excuse::backend_died);
}

void Oracle::given_up(uint32_t slot, uint16_t but) {
  world_.plan(slot).given_up = world_.now;
  world_.plan(slot).kept = but;
  for (uint32_t tuple = slot - world_.first_slot; tuple < world_.tuples; tuple += world_.slots) {
    Connection& connection = connections_[tuple];
    if (connection.backend != 0 && connection.backend != but) excuse(connection, Excuse::given_up);
  }
}

void Oracle::answered(const Message& message, const Answer& answer) {
  ++world_.figures.packets;
  if (message.connection == 0) return;
  Connection& connection = connections_[message.tuple];
  if (connection.id != message.connection) return;
  if (world_.tells(message.slot)) {
    world_.tell(fmt::format(
        "tuple {} kind {} sent {:.2f} seen {} tick {}{}: to {}{}", message.tuple,
        static_cast<int>(message.kind), static_cast<double>(message.sent) / kTick,
        text_of_word(static_cast<uint32_t>(message.seen)), message.seen >> 32,
        message.delayed ? " (late)" : "", answer.backend, answer.refused ? ", refused" : ""));
  }
  if (message.kind == Kind::syn && answer.refused) connection.syn_refused = true;
  if (connection.backend == 0) {
    if (message.kind != Kind::error) first_packet(connection, message, answer.backend);
  } else {
    check(connection, message, answer.backend);
  }
  if (message.kind != Kind::syn && message.kind != Kind::error) connection.spoke = true;
}

void Oracle::first_packet(Connection& connection, const Message& message, uint16_t backend) {
  connection.backend = backend;
  connection.answered = world_.now;
  // Also where it was under way when the backend went down, and has come back meanwhile.
  if (is_dead(backend) || message.sent <= world_.backend_plans[backend].noticed_at)
    excuse(connection, Excuse::backend_died);
  // It was under way when its slot was given up.
  const SlotPlan& slot = world_.plan(message.slot);
  if (backend != slot.kept && message.sent <= slot.given_up) excuse(connection, Excuse::given_up);
}

void Oracle::check(Connection& connection, const Message& message, uint16_t backend) {
  const BackendPlan& plan = world_.backend_plans[backend];
  if (plan.dead) {
    if (plan.noticed && message.sent > plan.noticed_at)
      violation(message, fmt::format("goes to {}, which is down", backend));
    else if (backend != connection.backend)
      ++world_.figures.lost;
    return;
  }
  // It was under way when the backend went down, which has come back meanwhile: lost all the same.
  if (backend != connection.backend && message.sent <= plan.noticed_at) {
    ++world_.figures.lost;
    return;
  }
  if (!connection.promised) return;
  ++world_.figures.checked;
  const BackendRecord& record = world_.tables.backends[backend];
  // To 0 where a pool refuses new connections: moved() says whether this is one.
  if (backend != 0 && (record.retired != 0 || record.next_hop.part.state == BACKEND_FREE))
    return violation(message, fmt::format("goes to {}, which is nobody", backend));
  if (backend != connection.backend) moved(connection, message, backend);
}

void Oracle::moved(Connection& connection, const Message& message, uint16_t backend) {
  if (message.kind == Kind::syn && !connection.spoke) {
    if (connection.syn_refused) return excuse(connection, Excuse::syn_refused);
    if (world_.plan(message.slot).by_hand >= connection.began)
      return excuse(connection, Excuse::syn_again);
  }
  // It was under way when its slot was given up, and no other packet of its connection had arrived.
  const Time given_up = world_.plan(message.slot).given_up;
  if (message.sent <= given_up && given_up <= connection.answered)
    return excuse(connection, Excuse::given_up);
  violation(message, fmt::format("was on {}, goes to {}", connection.backend, backend));
  connection.promised = false;
}

void Oracle::violation(const Message& message, const std::string& what) {
  ++world_.figures.violations;
  if (world_.tells(message.slot)) world_.tell(fmt::format("tuple {} {}", message.tuple, what));
  if (!first_violation_)
    first_violation_ = {world_.options.seed, message.slot, message.tuple, world_.now};
}

}  // namespace belka::model
