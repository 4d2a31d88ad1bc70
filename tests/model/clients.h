// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/model/oracle.h"
#include "tests/model/planes.h"

namespace belka::model {

// Who sends: a client of each tuple, one connection after the other, and floods of spoofed packets.
// A packet that a delayed plane has is under way for up to kStall.
class Clients {
 public:
  Clients(World& world, Planes& planes, Oracle& oracle);

  // What a tuple does next; it plans its next turn itself.
  void turn(uint32_t tuple);

  void flood();

  // The delayed plane gets to this packet.
  void deliver(uint32_t place);

  // It gets to some of them before it has to: while the daemon is between two stores.
  void deliver_some();
  void deliver_all();

 private:
  enum class Phase : uint8_t { closed, opening, open, closing };
  enum class Habit : uint8_t { busy, mixed, nearly_idle, forgetful };

  struct Client {
    Phase phase = Phase::closed;
    Habit habit = Habit::busy;
    uint32_t left = 0;  // packets in this phase
    uint32_t bucket = 0;
    Time arrives = 0;  // its last packet, at the latest
  };

  struct UnderWay {
    Message message;
    bool waits = false;
  };

  Time udp_turn(uint32_t tuple, Client& client);
  Time tcp_turn(uint32_t tuple, Client& client);
  Time open_tcp(uint32_t tuple, Client& client);
  Time wait_for_answer(uint32_t tuple, Client& client);
  Time talk(uint32_t tuple, Client& client);
  Time end_tcp(uint32_t tuple, Client& client);
  Time linger(uint32_t tuple, Client& client);
  Time pause_after_syn(const Client& client);
  Time pause(Habit habit);
  Time idle_time() const { return kTick * world_.idle_ticks; }
  void begin(uint32_t tuple, Client& client);
  void send(uint32_t tuple, Kind kind);
  void maybe_error(uint32_t tuple);
  void delay(const Message& message);

  World& world_;
  Random& random_;
  Planes& planes_;
  Oracle& oracle_;
  std::vector<Client> clients_;
  std::vector<UnderWay> under_way_;
  std::vector<uint32_t> free_places_;
  uint32_t spoofed_ = 0;
};

}  // namespace belka::model
