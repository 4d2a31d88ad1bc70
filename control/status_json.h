// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "control/controller.h"

namespace belka {

// What `status` shows: {"version", "layout", "generation", "instance", "heartbeat_ms",
// "applied", "interfaces", "services", "unresolved", ...}. now_ns is CLOCK_MONOTONIC, read before
// the call, so that a heartbeat is never older here than it was. A queue's plane is the one that
// its heartbeat stands for now: dpdk where it is fresh, else xdp; none where the XDP program is not
// attached. "age_us" is below 0 where the heartbeat is of a clock that is ahead.
nlohmann::json status_json(const struct tables& tables, const StatusSource& source, int64_t now_ns);

}  // namespace belka
