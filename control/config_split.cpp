// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "control/config_parts.h"
#include "control/split_check.h"
#include "control/split_spec.h"

namespace belka {
namespace {

std::string names_beside_prod(const ServiceConfig& service) {
  std::string names;
  for (const PoolConfig& pool : service.pools)
    if (pool.name != kProd) names += (names.empty() ? "" : ", ") + pool.name;
  return names.empty() ? "none, since there is only prod" : names;
}

void read_share(const Place& key, const Place& value, ServiceConfig& service,
                ConfigErrors& errors) {
  const std::string& name = key.node->text;
  if (name == kProd) {
    errors.add(key, fmt::format("found {}, prod takes what the other pools leave, remove this key",
                                found(*value.node)));
    return;
  }
  const bool is_text = value.node->kind == YamlNode::Kind::scalar;
  const auto share = is_text ? parse_share(value.node->text) : std::nullopt;
  if (!share) errors.add(value, fmt::format("found {}, {}", found(*value.node), kShareAllowed));
  const auto pool = std::find_if(service.pools.begin(), service.pools.end(),
                                 [&](const PoolConfig& p) { return p.name == name; });
  if (service.pools.empty()) return;  // pools is at fault itself
  if (pool == service.pools.end()) {
    errors.add(key, "found no pool of this name, allowed are " + names_beside_prod(service));
  } else if (share) {
    pool->share_ppm = share->ppm;
    pool->match = share->match;
  }
}

}  // namespace

void read_split(const Place& place, ServiceConfig& service, ConfigErrors& errors) {
  if (place.node->kind != YamlNode::Kind::map) {
    errors.add_found(place,
                     "a map of pools and their shares, such as {canary: 1%, baseline: match}");
    return;
  }
  check_map(place, {}, errors);
  for (const size_t i : distinct_keys(*place.node))
    read_share(key_of(place, i), value_of(place, i), service, errors);
  if (service.pools.empty()) return;
  for (const ShareFault& fault : check_split(service))
    errors.add(find_value(place, fault.pool).value_or(place), fault.sentence);
}

}  // namespace belka
