// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "control/config_address.h"
#include "control/config_parts.h"
#include "control/split_check.h"

namespace belka {
namespace {

constexpr std::array<std::string_view, 3> kPoolKeys = {"backends", "fallback", "min_healthy"};
constexpr std::array<std::string_view, 2> kBackendKeys = {"address", "weight"};
constexpr std::string_view kBackendsAllowed = "a list of addresses or of maps of address, weight";

// The backends of a service so far, by address, with the path of each.
using Seen = std::map<Address, std::string>;

void check_backend_address(const Place& place, const Address& address, const Address& vip,
                           Seen& seen, ConfigErrors& errors) {
  const auto [first, is_new] = seen.emplace(address, place.path);
  if (!is_new)
    errors.add(place,
               fmt::format("found {} again, first at {}, allowed is once in a service, remove "
                           "one",
                           address.text(), first->second));
  if (vip.family == 0) return;
  if (address == vip) {
    errors.add(place,
               fmt::format("found {}, which is the VIP, allowed is the backend's own address",
                           address.text()));
  } else if (address.family != vip.family) {
    errors.add(place, fmt::format("found {}, allowed is an IPv{} address like the VIP {}",
                                  address.text(), vip.family, vip.text()));
  }
}

// A backend whose address is at fault stays in its pool with family 0, so that the pool is not
// called empty.
BackendConfig read_backend(const Place& place, const Address& vip, Seen& seen,
                           ConfigErrors& errors) {
  BackendConfig backend;
  Place address_place = place;
  if (place.node->kind == YamlNode::Kind::map) {
    check_map(place, kBackendKeys, errors);
    const auto address = require_value(
        place, "address", "an IPv4 or IPv6 address (in quotes where it ends in ::)", errors);
    if (const auto weight = find_value(place, "weight")) {
      const auto allowed = fmt::format("a number from 0 to {}", kMaxWeight);
      const auto text = read_text(*weight, allowed, errors);
      const auto value = text ? parse_number(*text, 0, kMaxWeight) : std::nullopt;
      if (text && !value) errors.add_found(*weight, allowed);
      backend.weight = value.value_or(1);
    }
    if (!address) return backend;
    address_place = *address;
  }
  const auto address = read_unicast(address_place, errors);
  if (!address) return backend;
  backend.address = *address;
  check_backend_address(address_place, *address, vip, seen, errors);
  return backend;
}

std::optional<Fallback> parse_fallback(std::string_view text, bool is_prod) {
  if (text == "refuse") return Fallback::refuse;
  if (text == "use-all") return Fallback::use_all;
  if (text == "prod" && !is_prod) return Fallback::prod;
  return std::nullopt;
}

void read_fallback(const Place& place, PoolConfig& pool, ConfigErrors& errors) {
  const bool is_prod = pool.name == kProd;
  const std::string_view allowed = is_prod ? "refuse or use-all" : "prod, refuse or use-all";
  const auto text = read_text(place, allowed, errors);
  const auto value = text ? parse_fallback(*text, is_prod) : std::nullopt;
  if (text && !value) errors.add_found(place, allowed);
  pool.fallback = value.value_or(pool.fallback);
}

void read_min_healthy(const Place& place, PoolConfig& pool, ConfigErrors& errors) {
  constexpr std::string_view kAllowed = "a whole percentage with its sign from 0% to 100%";
  const auto text = read_text(place, kAllowed, errors);
  if (!text) return;
  const auto percent =
      text->ends_with('%') ? parse_number(text->substr(0, text->size() - 1), 0, 100) : std::nullopt;
  if (!percent) errors.add_found(place, kAllowed);
  pool.min_healthy_percent = percent.value_or(0);
}

PoolConfig read_pool(const Place& place, std::string_view name, const Address& vip, Seen& seen,
                     ConfigErrors& errors) {
  PoolConfig pool;
  pool.name = name;
  pool.fallback = default_fallback(name);
  const bool is_map = check_map(place, kPoolKeys, errors);
  if (is_map) {
    if (const auto fallback = find_value(place, "fallback")) read_fallback(*fallback, pool, errors);
    if (const auto least = find_value(place, "min_healthy")) read_min_healthy(*least, pool, errors);
  }
  const auto backends =
      is_map ? require_value(place, "backends", kBackendsAllowed, errors) : std::nullopt;
  if (!backends || !check_list(*backends, kBackendsAllowed, errors)) {
    pool.backends.emplace_back();  // unreadable is not empty
    return pool;
  }
  for (size_t i = 0; i < backends->node->items.size(); ++i)
    pool.backends.push_back(read_backend(item_of(*backends, i), vip, seen, errors));
  return pool;
}

void check_prod(const Place& place, const std::vector<PoolConfig>& pools, ConfigErrors& errors) {
  const auto prod_place = find_value(place, kProd);
  if (!prod_place) {
    errors.add(place, "found no pool prod, which takes what the others leave, add it");
    return;
  }
  const auto prod = std::find_if(pools.begin(), pools.end(),
                                 [](const PoolConfig& pool) { return pool.name == kProd; });
  if (prod != pools.end() && is_empty(*prod))
    errors.add(find_value(*prod_place, "backends").value_or(*prod_place),
               "found no backend of a weight above 0, prod needs at least one, add one");
}

}  // namespace

void read_pools(const Place& place, ServiceConfig& service, ConfigErrors& errors) {
  if (place.node->kind != YamlNode::Kind::map) {
    errors.add_found(place, "a map of pools, each with its backends, of which one is prod");
    return;
  }
  check_map(place, {}, errors);
  Seen seen;
  const std::vector<size_t> indices = distinct_keys(*place.node);
  for (const size_t i : indices) {
    if (service.pools.size() == kMaxPools) break;
    const YamlNode& key = place.node->keys[i];
    if (!is_name(key.text, kMaxPoolName))
      errors.add(
          key_of(place, i),
          fmt::format("found {}, allowed is a pool name of 1 to {} characters of a-z 0-9 . _ -, "
                      "the first a letter or digit",
                      found(key), kMaxPoolName));
    service.pools.push_back(read_pool(value_of(place, i), key.text, service.vip, seen, errors));
  }
  if (indices.size() > kMaxPools) {
    errors.add(place, fmt::format("found {} pools, allowed are at most {}, remove some",
                                  indices.size(), kMaxPools));
    service.pools.clear();
    return;
  }
  check_prod(place, service.pools, errors);
  std::stable_partition(service.pools.begin(), service.pools.end(),
                        [](const PoolConfig& pool) { return pool.name == kProd; });
}

}  // namespace belka
