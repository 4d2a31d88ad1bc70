// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace belka::model {

// Why a connection need not be kept any more.
enum class Excuse : uint8_t {
  idle,          // silent for longer than the idle time
  closed,        // silent for longer than two ticks after its FIN or RST
  backend_died,  // its own
  given_up,      // the drain limit, or a hard change
  syn_refused,   // no place for the pin of its SYN, which was then sent again
  syn_again,     // its SYN was sent again across a change by hand
};
inline constexpr std::array kExcuseNames = {
    "idle for too long", "closed and then silent", "its backend died",
    "given up",          "its SYN refused",        "its SYN sent again across a change"};

struct Figures {
  uint64_t packets = 0, connections = 0, checked = 0;
  uint64_t changes = 0, flips = 0, settles = 0, ticks = 0;
  uint64_t kills = 0, kills_in_a_store = 0, deaths = 0, limits = 0;
  uint64_t refused = 0, delayed = 0, lost = 0;
  uint64_t violations = 0;
  std::array<uint64_t, kExcuseNames.size()> excused{};

  bool operator==(const Figures&) const = default;

  void add(const Figures& other) {
    const auto sum = [&](auto field) { this->*field += other.*field; };
    for (const auto field :
         {&Figures::packets, &Figures::connections, &Figures::checked, &Figures::changes,
          &Figures::flips, &Figures::settles, &Figures::ticks, &Figures::kills,
          &Figures::kills_in_a_store, &Figures::deaths, &Figures::limits, &Figures::refused,
          &Figures::delayed, &Figures::lost, &Figures::violations})
      sum(field);
    for (size_t i = 0; i < excused.size(); ++i) excused[i] += other.excused[i];
  }
};

}  // namespace belka::model
