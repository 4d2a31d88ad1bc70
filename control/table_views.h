// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/address.h"
#include "split/tables.h"

namespace belka {

// What stands in the tables, as values: read by `get`, `stats` and `explain`, from whichever
// mapping they have. Reads while the daemon writes may see the old of one field and the new of
// another; under the Controller's lock they do not.

struct PoolView {
  std::string name;
  uint32_t wanted_ppm = 0;  // match and prod's rest resolved
  bool match = false;
  uint32_t slots = 0;    // in force
  uint8_t fallback = 0;  // in force: enum pool_fallback
};

struct ServiceView {
  uint16_t number = 0;
  std::string name;
  Address vip;
  uint16_t port = 0;  // host order; 0: all ports
  uint8_t protocol = 0;
  uint8_t source_bits = 0;  // 0: by five-tuple
  uint8_t mode = 0;         // enum forward_mode
  uint32_t slots = 0;
  uint32_t slot_base = 0;
  bool removed = false;  // not in the configuration any more, but it keeps connections
  std::vector<PoolView> pools;
};

struct BackendView {
  uint16_t number = 0;
  uint16_t service = 0;
  uint8_t pool = 0;
  Address address;
  uint32_t weight = 0;
  uint8_t state = 0;  // enum backend_state
  uint8_t mode = 0;
  std::string next_hop_mac;  // empty unless state is ready
  uint32_t ifindex = 0;
  uint16_t mtu_bytes = 0;
  uint8_t down = 0;      // enum backend_down, or-ed
  uint8_t admin = 0;     // enum backend_admin
  bool leaving = false;  // not in the configuration any more; its pool is of the past
  uint32_t slots = 0;    // of its service that answer it
};

// None where no service has this number.
std::optional<ServiceView> view_service(const struct tables& tables, uint16_t number);
std::vector<ServiceView> view_services(const struct tables& tables);

// Every backend in the tables, by number. Reads all slots of all services.
std::vector<BackendView> view_backends(const struct tables& tables);

// The name by which the tables know an interface; "interface 7" where they know none.
std::string interface_name(const struct tables& tables, uint32_t ifindex);

// 192.0.2.1:80, [2001:db8::1]:80; of a service with its protocol, and `all` for port 0.
std::string endpoint_text(const Address& address, std::string_view port);
std::string vip_text(const ServiceView& service);
std::string_view protocol_name(uint8_t protocol);
std::string_view mode_name(uint8_t mode);
std::string_view state_name(uint8_t state);
// As it is written in a configuration; `none` where the pool serves itself.
std::string_view fallback_name(uint8_t fallback);
// Where its new connections go then: `to prod`, `nowhere`.
std::string_view fallback_goes(uint8_t fallback);
// Whether a backend gets new connections, and why not: `up`, `down`, `drained`, `disabled`; `down,
// used` where its pool uses all; `returns` where it is up again, and rests.
std::string standing_text(const BackendView& backend);
bool is_up(const BackendView& backend);  // healthy, with a weight, and no operator took it out
std::string mac_text(const uint8_t mac[6]);

// {"services": [...]}, {"pools": [...]} and {"backends": [...]}, as `get` shows them.
nlohmann::json services_json(const struct tables& tables);
nlohmann::json pools_json(const struct tables& tables);
nlohmann::json backends_json(const struct tables& tables);

}  // namespace belka
