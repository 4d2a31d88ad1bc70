// SPDX-License-Identifier: Apache-2.0
#include "control/table_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "control/config.h"

namespace belka {
namespace {

constexpr uint64_t kAllPpm = 1'000'000;

std::string bounded_text(const char* text, size_t bytes) { return {text, strnlen(text, bytes)}; }

Address wire_to_address(const struct wire_address& wire, uint8_t family) {
  Address address;
  address.family = family;
  std::memcpy(address.bytes.data(), &wire.low, 8);
  std::memcpy(address.bytes.data() + 8, &wire.high, 8);
  return address;
}

// match takes the canary's share, prod what is left.
void resolve_shares(std::vector<PoolView>& pools) {
  uint64_t canary_ppm = 0;
  for (const PoolView& pool : pools)
    if (pool.name == kCanary && !pool.match) canary_ppm = pool.wanted_ppm;
  uint64_t others_ppm = 0;
  for (size_t i = 1; i < pools.size(); i++) {
    if (pools[i].match) pools[i].wanted_ppm = static_cast<uint32_t>(canary_ppm);
    others_ppm += pools[i].wanted_ppm;
  }
  if (!pools.empty()) {
    pools[0].wanted_ppm = static_cast<uint32_t>(kAllPpm - std::min(kAllPpm, others_ppm));
  }
}

// How many slots answer each backend.
std::vector<uint32_t> count_slots(const struct tables& tables) {
  std::vector<uint32_t> counts(BACKENDS);
  for (const ServiceView& service : view_services(tables)) {
    for (uint32_t slot = 0; slot < service.slots; slot++) {
      counts[slot_current(LOAD_RELAXED(*slot_at(&tables, service.slot_base + slot)))]++;
    }
  }
  return counts;
}

}  // namespace

std::optional<ServiceView> view_service(const struct tables& tables, uint16_t number) {
  if (number >= SERVICES) return std::nullopt;
  const struct service_info& info = tables.service_info[number];
  if (info.name[0] == 0) return std::nullopt;
  const uint32_t key = info.port_protocol_family;
  ServiceView view{.number = number,
                   .name = bounded_text(info.name, sizeof info.name),
                   .vip = wire_to_address(info.vip, static_cast<uint8_t>(key >> 24)),
                   .port = __builtin_bswap16(static_cast<uint16_t>(key)),
                   .protocol = static_cast<uint8_t>(key >> 16),
                   .source_bits = info.source_bits,
                   .mode = info.mode,
                   .slots = std::min<uint32_t>(info.slots, SLOTS),
                   .slot_base = info.slot_base,
                   .removed = info.draining != 0,
                   .pools = {}};
  for (uint32_t i = 0; i < std::min<uint32_t>(info.pools, POOLS); i++) {
    const struct pool_info& pool = info.pool[i];
    view.pools.push_back({.name = bounded_text(pool.name, sizeof pool.name),
                          .wanted_ppm = pool.share_ppm,
                          .match = pool.match != 0,
                          .slots = pool.slots,
                          .fallback = static_cast<uint8_t>(pool.fallback)});
  }
  resolve_shares(view.pools);
  return view;
}

std::vector<ServiceView> view_services(const struct tables& tables) {
  std::vector<ServiceView> views;
  for (uint16_t number = 0; number < SERVICES; number++) {
    if (auto view = view_service(tables, number)) views.push_back(std::move(*view));
  }
  return views;
}

std::vector<BackendView> view_backends(const struct tables& tables) {
  const std::vector<uint32_t> slots = count_slots(tables);
  std::vector<BackendView> views;
  for (uint32_t number = 1; number < SLOT_HOLD; number++) {
    const struct backend& entry = tables.backends[number];
    union next_hop hop;
    hop.word = LOAD_RELAXED(entry.next_hop.word);
    if (hop.part.state == BACKEND_FREE || entry.retired != 0) continue;
    BackendView view{.number = static_cast<uint16_t>(number),
                     .service = entry.service,
                     .pool = entry.pool,
                     .address = {},
                     .weight = entry.weight,
                     .state = hop.part.state,
                     .mode = hop.part.mode,
                     .next_hop_mac = {},
                     .ifindex = entry.ifindex,
                     .mtu_bytes = entry.mtu,
                     .down = entry.down,
                     .admin = entry.admin,
                     .leaving = entry.draining != 0,
                     .slots = slots[number]};
    view.address.family = entry.family;
    std::memcpy(view.address.bytes.data(), entry.address, sizeof entry.address);
    if (hop.part.state == BACKEND_READY) view.next_hop_mac = mac_text(hop.part.mac);
    views.push_back(std::move(view));
  }
  return views;
}

std::string interface_name(const struct tables& tables, uint32_t ifindex) {
  for (const struct interface_entry* entry = tables.interfaces;
       ifindex != 0 && entry != tables.interfaces + INTERFACES; entry++) {
    if (entry->ifindex == ifindex) return bounded_text(entry->name, sizeof entry->name);
  }
  return fmt::format("interface {}", ifindex);
}

std::string endpoint_text(const Address& address, std::string_view port) {
  if (address.family == 6) return fmt::format("[{}]:{}", address.text(), port);
  return fmt::format("{}:{}", address.text(), port);
}

std::string vip_text(const ServiceView& service) {
  const std::string port = service.port == 0 ? "all" : std::to_string(service.port);
  return fmt::format("{}/{}", endpoint_text(service.vip, port), protocol_name(service.protocol));
}

std::string_view protocol_name(uint8_t protocol) {
  return protocol == 6 ? "tcp" : protocol == 17 ? "udp" : "other";
}

std::string_view mode_name(uint8_t mode) {
  return mode == FORWARD_L2 ? "l2" : mode == FORWARD_IPIP ? "ipip" : "unknown";
}

std::string_view state_name(uint8_t state) {
  return state == BACKEND_READY ? "ready" : state == BACKEND_UNRESOLVED ? "unresolved" : "free";
}

std::string_view fallback_name(uint8_t fallback) {
  return fallback == POOL_PROD      ? "prod"
         : fallback == POOL_REFUSE  ? "refuse"
         : fallback == POOL_USE_ALL ? "use-all"
                                    : "none";
}

std::string_view fallback_goes(uint8_t fallback) {
  return fallback == POOL_PROD      ? "to prod"
         : fallback == POOL_REFUSE  ? "nowhere"
         : fallback == POOL_USE_ALL ? "to all of its backends, up or not"
                                    : "to its backends that are up";
}

std::string standing_text(const BackendView& backend) {
  const bool is_unhealthy = (backend.down & BACKEND_UNHEALTHY) != 0;
  const bool is_down = (backend.down & BACKEND_DOWN) != 0;
  if (backend.leaving) return is_down ? "leaving, down" : "leaving";
  if (backend.admin == BACKEND_DISABLED) return "disabled";
  if (backend.admin == BACKEND_DRAINED) return is_unhealthy ? "drained, down" : "drained";
  if (is_unhealthy) return is_down ? "down" : "down, used";
  return is_down ? "returns" : "up";
}

bool is_up(const BackendView& backend) {
  return backend.down == 0 && backend.admin == BACKEND_ENABLED && backend.weight != 0;
}

std::string mac_text(const uint8_t mac[6]) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                     mac[4], mac[5]);
}

}  // namespace belka
