// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

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

void write_pool(const PoolConfig& pool, std::string& out) {
  out += fmt::format("      {}:\n", yaml_quoted(pool.name));
  if (pool.backends.empty()) {
    out += "        backends: []\n";
  } else {
    out += "        backends:\n";
  }
  for (const BackendConfig& backend : pool.backends)
    out += fmt::format("          - {{address: {}, weight: {}}}\n",
                       yaml_quoted(backend.address.text()), backend.weight);
  out += fmt::format("        fallback: {}\n", fallback_text(pool.fallback));
  out += fmt::format("        min_healthy: {}%\n", pool.min_healthy_percent);
}

void write_split(const ServiceConfig& service, std::string& out) {
  std::string shares;
  for (const PoolConfig& pool : service.pools) {
    if (pool.name == kProd) continue;
    if (!shares.empty()) shares += ", ";
    shares += fmt::format("{}: {}", yaml_quoted(pool.name), format_share(pool));
  }
  out += fmt::format("    split: {{{}}}\n", shares);
}

void write_service(const ServiceConfig& service, std::string& out) {
  out += fmt::format("  - name: {}\n", yaml_quoted(service.name));
  out += fmt::format("    vip: {}\n", yaml_quoted(service.vip.text()));
  out += fmt::format("    port: {}\n", service.port == 0 ? "all" : fmt::format("{}", service.port));
  out += fmt::format("    protocol: {}\n", service.protocol == 6 ? "tcp" : "udp");
  out += fmt::format("    hash: {}\n", hash_text(service));
  out += fmt::format("    slots: {}\n", service.slots);
  out += fmt::format("    idle: {{{}: {}}}\n", service.protocol == IPPROTO_TCP ? "tcp" : "udp",
                     format_duration(service.idle_ms));
  out += fmt::format("    forward: {}\n", service.forward == ForwardMode::l2 ? "l2" : "ipip");
  out += "    pools:\n";
  for (const PoolConfig& pool : service.pools) write_pool(pool, out);
  write_split(service, out);
  if (service.health) out += fmt::format("    health: {}\n", health_text(*service.health));
}

}  // namespace

std::string to_yaml(const Config& config) {
  std::string out;
  out += fmt::format("seed_file: {}\n", yaml_quoted(config.seed_file));
  out += fmt::format("tick: {}\n", format_duration(config.tick_ms));
  out += fmt::format("services:{}\n", config.services.empty() ? " []" : "");
  for (const ServiceConfig& service : config.services) write_service(service, out);
  return out;
}

}  // namespace belka
