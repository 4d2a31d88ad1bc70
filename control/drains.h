// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

namespace belka {

class Publisher;

// {"tick", "tick_ms", "pins", "pins_refused", "services": [{"name", "removed", "held", "opening",
//  "looking", "connections", "oldest_s", "limit_ms", "waits_for", "leaving": [address]}]}: the
// services of which a slot moves or a backend leaves, or that have a limit. `connections` are those
// elsewhere than their slot sends new ones, as the last sweep counted them; `pins` those of all
// slots.
nlohmann::json drains_json(const Publisher& publisher);

}  // namespace belka
