// SPDX-License-Identifier: Apache-2.0
#include "tests/model/clients.h"

#include <algorithm>
#include <utility>

namespace belka::model {

Clients::Clients(World& world, Planes& planes, Oracle& oracle)
    : world_(world),
      random_(world.random),
      planes_(planes),
      oracle_(oracle),
      clients_(world.tuples) {
  for (uint32_t tuple = 0; tuple < world_.tuples; ++tuple) {
    clients_[tuple].bucket = random_.below(world_.buckets);
    world_.agenda.at(random_.below(4 * kTick), What::client, tuple);
  }
}

void Clients::turn(uint32_t tuple) {
  Client& client = clients_[tuple];
  Time next = world_.is_udp(world_.slot_of_tuple(tuple)) ? udp_turn(tuple, client)
                                                         : tcp_turn(tuple, client);
  // The tuple is not used again before all packets of its connection have arrived.
  if (client.phase == Phase::closed) next = std::max(next, client.arrives - world_.now + 1);
  world_.agenda.at(world_.now + next, What::client, tuple);
}

void Clients::begin(uint32_t tuple, Client& client) {
  oracle_.begin(tuple);
  client.habit = static_cast<Habit>(random_.below(4));
}

Time Clients::udp_turn(uint32_t tuple, Client& client) {
  const Connection& connection = oracle_.at(tuple);
  if (client.phase == Phase::closed || !connection.promised ||
      world_.now - connection.last > idle_time()) {
    begin(tuple, client);
    client.phase = Phase::open;
    client.left = 3 + random_.below(60);
  }
  send(tuple, Kind::data);
  maybe_error(tuple);
  if (--client.left > 0) return pause(client.habit);
  client.phase = Phase::closed;
  return idle_time() + 1 + kTick + random_.below(static_cast<uint32_t>(4 * idle_time()));
}

Time Clients::tcp_turn(uint32_t tuple, Client& client) {
  switch (client.phase) {
    case Phase::closed:
      return open_tcp(tuple, client);
    case Phase::opening:
      return wait_for_answer(tuple, client);
    case Phase::open:
      return talk(tuple, client);
    default:
      return linger(tuple, client);
  }
}

Time Clients::open_tcp(uint32_t tuple, Client& client) {
  begin(tuple, client);
  client.phase = Phase::opening;
  client.left = random_.percent(20) ? 1 + random_.below(3) : 0;
  send(tuple, Kind::syn);
  return pause_after_syn(client);
}

Time Clients::pause_after_syn(const Client& client) {
  if (client.left == 0) return random_.up_to(kTick / 8);
  return kTick / 4 + random_.below(kSynGap - kTick / 4);
}

Time Clients::wait_for_answer(uint32_t tuple, Client& client) {
  if (client.left > 0) {
    --client.left;
    send(tuple, Kind::syn);
    return pause_after_syn(client);
  }
  if (client.arrives >= world_.now) return client.arrives - world_.now + random_.up_to(4);
  client.phase = Phase::open;
  client.left = 1 + random_.below(60);
  return talk(tuple, client);
}

Time Clients::talk(uint32_t tuple, Client& client) {
  if (client.left-- == 0) return end_tcp(tuple, client);
  send(tuple, Kind::data);
  maybe_error(tuple);
  return pause(client.habit);
}

Time Clients::end_tcp(uint32_t tuple, Client& client) {
  const uint32_t how = random_.below(10);
  client.phase = Phase::closed;
  if (how < 7) {
    send(tuple, Kind::fin);
    client.phase = Phase::closing;
    client.left = random_.below(4);
    return random_.up_to(kTick);
  }
  if (how == 7) send(tuple, Kind::rst);
  return random_.up_to(random_.percent(50) ? kTick : how == 7 ? 6 * kTick : 3 * idle_time());
}

Time Clients::linger(uint32_t tuple, Client& client) {
  if (client.left-- == 0) {
    client.phase = Phase::closed;
    return random_.up_to(random_.percent(50) ? kTick : 6 * kTick);
  }
  send(tuple, random_.percent(30) ? Kind::fin : Kind::data);
  return random_.up_to(random_.percent(5) ? 3 * kClosingLife : kClosingLife);
}

Time Clients::pause(Habit habit) {
  const Time idle = idle_time();
  switch (habit) {
    case Habit::busy:
      return random_.up_to(kTick / 2);
    case Habit::mixed:
      if (random_.percent(70)) return random_.up_to(kTick);
      return random_.percent(50) ? random_.up_to(idle) : idle - random_.below(6);
    case Habit::nearly_idle:
      return random_.percent(50) ? idle - random_.below(kTick) : random_.up_to(idle);
    default:
      if (random_.percent(2)) return idle + random_.up_to(3 * idle);
      return random_.up_to(random_.percent(10) ? idle : kTick);
  }
}

// It quotes what a backend sent, so one has heard of the connection by then.
void Clients::maybe_error(uint32_t tuple) {
  if (oracle_.at(tuple).backend != 0 && random_.percent(world_.error_percent))
    send(tuple, Kind::error);
}

void Clients::send(uint32_t tuple, Kind kind) {
  Client& client = clients_[tuple];
  const uint32_t slot = world_.slot_of_tuple(tuple);
  oracle_.sent(tuple, kind);
  const Message message{.tuple = tuple,
                        .slot = slot,
                        .hash = world_.hash_of(tuple, client.bucket),
                        .connection = oracle_.at(tuple).id,
                        .kind = kind,
                        .delayed = random_.percent(world_.delayed_percent),
                        .sent = world_.now,
                        .seen = world_.seen(slot)};
  if (message.delayed) {
    delay(message);
  } else {
    client.arrives = std::max(client.arrives, world_.now);
    oracle_.answered(message, planes_.answer(message));
  }
}

void Clients::delay(const Message& message) {
  uint32_t place = static_cast<uint32_t>(under_way_.size());
  if (free_places_.empty()) {
    under_way_.emplace_back();
  } else {
    place = free_places_.back();
    free_places_.pop_back();
  }
  under_way_[place] = {message, true};
  planes_.hold_up(message);
  ++world_.figures.delayed;
  const Time arrives = world_.now + random_.up_to(kStall);
  clients_[message.tuple].arrives = std::max(clients_[message.tuple].arrives, arrives);
  world_.agenda.at(arrives, What::delivery, place);
}

void Clients::deliver(uint32_t place) {
  if (under_way_[place].waits) {
    Message message = under_way_[place].message;
    // Held up between its two looks, or before both.
    if (random_.once_in(4))
      message.seen = static_cast<uint32_t>(message.seen) | uint64_t{world_.tick()} << 32;
    under_way_[place].waits = false;
    oracle_.answered(message, planes_.answer(message));
  }
  free_places_.push_back(place);
}

void Clients::deliver_some() {
  for (UnderWay& each : under_way_) {
    if (!each.waits || !random_.once_in(4)) continue;
    each.waits = false;
    oracle_.answered(each.message, planes_.answer(each.message));
  }
}

void Clients::deliver_all() {
  for (UnderWay& each : under_way_)
    if (std::exchange(each.waits, false))
      oracle_.answered(each.message, planes_.answer(each.message));
}

void Clients::flood() {
  static constexpr Kind kKinds[] = {Kind::syn, Kind::data, Kind::syn_ack};
  const Kind kind = kKinds[random_.below(std::size(kKinds))];
  for (int64_t left = random_.up_to(40); left > 0; --left) {
    // Tags beyond those of the clients.
    const uint32_t tuple = std::max(1024u, world_.tuples) + spoofed_++ % 200'000;
    const uint32_t slot = world_.slot_of_tuple(tuple);
    const Message message{.tuple = tuple,
                          .slot = slot,
                          .hash = world_.hash_of(tuple, random_.below(world_.buckets)),
                          .connection = 0,
                          .kind = kind,
                          .delayed = false,
                          .sent = world_.now,
                          .seen = world_.seen(slot)};
    oracle_.answered(message, planes_.answer(message));
  }
}

}  // namespace belka::model
