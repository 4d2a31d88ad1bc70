// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "control/flow_text.h"
#include "split/tables.h"

namespace belka {

// What becomes of a connection's first packet, with the values of every stage. The answer is the
// planes' own: the packet is built, and parse, classify, hash, decide and forward_check
// (bpf/split/) run on it with the given tables. Only the rank, which no packet needs, comes from
// control/ring.h.
//
// Stages that the packet does not reach are null:
//   {"flow": text, "packet": {...}, "service": {...}, "hash": "0x...", "slot": {...}, "rank": n,
//    "pool": {...}, "backend": {...}, "next_hop": {...},
//    "verdict": {"name", "action", "help", "assumed"}}
//
// The packet is taken to come in by the interface that its backend is reached through, if Belka is
// on that, else by Belka's first one.
enum class NextHopSource : uint8_t {
  from_tables,
  unknown,  // no daemon has looked for them: the verdict is the one for a next hop that is found
};
nlohmann::json explain_json(const struct tables& tables, const Flow& flow, NextHopSource next_hops);

}  // namespace belka
