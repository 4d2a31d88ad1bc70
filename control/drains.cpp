// SPDX-License-Identifier: Apache-2.0
#include "control/drains.h"

#include <string>

#include "control/publish.h"

namespace belka {
namespace {

using nlohmann::json;

std::string waits_for(const Publisher::Moving& moving, bool leaving) {
  if (moving.held != 0) return "the hold time, so that SYNs sent again stay where they were";
  if (moving.opening != 0) return "the idle time, so that every old connection has spoken";
  if (moving.pins != 0) return "connections elsewhere to end or fall idle";
  if (moving.looking != 0) return "a sweep that finds no connection elsewhere";
  return leaving ? "the next sweep" : "nothing";
}

json service_json(const Publisher& publisher, const std::string& name, const HeldService& service) {
  const Publisher::Moving moving = publisher.moving(service);
  const struct service_info& info = publisher.tables().service_info[service.number];
  json leaving = json::array();
  for (const HeldBackend& backend : service.leaving) leaving.push_back(backend.address.text());
  return {{"name", name},
          {"removed", service.draining},
          {"held", moving.held},
          {"opening", moving.opening},
          {"looking", moving.looking},
          {"connections", moving.pins},
          {"oldest_s", moving.oldest_ms / 1000},
          {"limit_ms", info.drain_limit_ms},
          {"waits_for", waits_for(moving, !service.leaving.empty())},
          {"leaving", std::move(leaving)}};
}

}  // namespace

json drains_json(const Publisher& publisher) {
  json services = json::array();
  for (const auto& [name, service] : publisher.holdings().services) {
    const bool moves = service.range() != nullptr && publisher.keeper().moves(*service.range());
    // A limit is to be seen before it is needed.
    const bool has_limit = publisher.tables().service_info[service.number].drain_limit_ms != 0;
    if (moves || service.draining || !service.leaving.empty() || has_limit)
      services.push_back(service_json(publisher, name, service));
  }
  return {{"tick", publisher.tables().node->tick},
          {"tick_ms", publisher.tick_ms()},
          {"pins", publisher.keeper().last().pins},
          {"pins_refused", publisher.keeper().refusals()},
          {"services", std::move(services)}};
}

}  // namespace belka
