// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "control/config.h"
#include "control/config_duration.h"
#include "control/config_values.h"
#include "control/split_spec.h"

namespace belka {
namespace {

std::string hash_text(const ServiceConfig& service) {
  if (service.hash == HashMode::five_tuple) return "five-tuple";
  if (service.prefix_bits_v4 == 32 && service.prefix_bits_v6 == 128) return "source";
  return fmt::format("source/{},/{}", service.prefix_bits_v4, service.prefix_bits_v6);
}

void write_pool(const PoolConfig& pool, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "      {}:\n", yaml_quoted(pool.name));
  if (pool.backends.empty()) {
    fmt::format_to(out, "        backends: []\n");
  } else {
    fmt::format_to(out, "        backends:\n");
  }
  for (const BackendConfig& backend : pool.backends)
    fmt::format_to(out, "          - {{address: {}, weight: {}}}\n",
                   yaml_quoted(backend.address.text()), backend.weight);
  fmt::format_to(out, "        fallback: {}\n", fallback_text(pool.fallback));
  fmt::format_to(out, "        min_healthy: {}%\n", pool.min_healthy_percent);
}

void write_split(const ServiceConfig& service, std::back_insert_iterator<std::string> out) {
  std::string shares;
  for (const PoolConfig& pool : service.pools) {
    if (pool.name == kProd) continue;
    if (!shares.empty()) shares += ", ";
    shares += fmt::format("{}: {}", yaml_quoted(pool.name), format_share(pool));
  }
  fmt::format_to(out, "    split: {{{}}}\n", shares);
}

void write_service(const ServiceConfig& service, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "  - name: {}\n", yaml_quoted(service.name));
  fmt::format_to(out, "    vip: {}\n", yaml_quoted(service.vip.text()));
  fmt::format_to(out, "    port: {}\n",
                 service.port == 0 ? "all" : fmt::format("{}", service.port));
  fmt::format_to(out, "    protocol: {}\n", service.protocol == 6 ? "tcp" : "udp");
  fmt::format_to(out, "    hash: {}\n", hash_text(service));
  fmt::format_to(out, "    slots: {}\n", service.slots);
  fmt::format_to(out, "    idle: {{{}: {}}}\n", service.protocol == IPPROTO_TCP ? "tcp" : "udp",
                 format_duration(service.idle_ms));
  fmt::format_to(out, "    forward: {}\n", service.forward == ForwardMode::l2 ? "l2" : "ipip");
  fmt::format_to(out, "    pools:\n");
  for (const PoolConfig& pool : service.pools) write_pool(pool, out);
  write_split(service, out);
  if (service.health) fmt::format_to(out, "    health: {}\n", health_text(*service.health));
}

}  // namespace

std::string to_yaml(const Config& config) {
  std::string yaml;
  const auto out = std::back_inserter(yaml);
  fmt::format_to(out, "seed_file: {}\n", yaml_quoted(config.seed_file));
  fmt::format_to(out, "tick: {}\n", format_duration(config.tick_ms));
  fmt::format_to(out, "services:{}\n", config.services.empty() ? " []" : "");
  for (const ServiceConfig& service : config.services) write_service(service, out);
  return yaml;
}

}  // namespace belka
