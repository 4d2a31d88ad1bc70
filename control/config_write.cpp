// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "control/config.h"
#include "control/split_spec.h"

namespace belka {
namespace {

// In single quotes, so that no YAML reader takes a name for a number, a null or a truth, or a colon
// of an address for a map. Texts of a valid configuration have no control characters.
std::string quoted(std::string_view text) {
  std::string yaml = "'";
  for (const char c : text) {
    if (c == '\'') yaml += '\'';
    yaml += c;
  }
  return yaml + "'";
}

std::string hash_text(const ServiceConfig& service) {
  if (service.hash == HashMode::five_tuple) return "five-tuple";
  if (service.prefix_bits_v4 == 32 && service.prefix_bits_v6 == 128) return "source";
  return fmt::format("source/{},/{}", service.prefix_bits_v4, service.prefix_bits_v6);
}

void write_pool(const PoolConfig& pool, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "      {}:\n", quoted(pool.name));
  if (pool.backends.empty()) {
    fmt::format_to(out, "        backends: []\n");
    return;
  }
  fmt::format_to(out, "        backends:\n");
  for (const BackendConfig& backend : pool.backends)
    fmt::format_to(out, "          - {{address: {}, weight: {}}}\n", quoted(backend.address.text()),
                   backend.weight);
}

void write_split(const ServiceConfig& service, std::back_insert_iterator<std::string> out) {
  std::string shares;
  for (const PoolConfig& pool : service.pools) {
    if (pool.name == kProd) continue;
    if (!shares.empty()) shares += ", ";
    shares += fmt::format("{}: {}", quoted(pool.name), format_share(pool));
  }
  fmt::format_to(out, "    split: {{{}}}\n", shares);
}

void write_service(const ServiceConfig& service, std::back_insert_iterator<std::string> out) {
  fmt::format_to(out, "  - name: {}\n", quoted(service.name));
  fmt::format_to(out, "    vip: {}\n", quoted(service.vip.text()));
  fmt::format_to(out, "    port: {}\n",
                 service.port == 0 ? "all" : fmt::format("{}", service.port));
  fmt::format_to(out, "    protocol: {}\n", service.protocol == 6 ? "tcp" : "udp");
  fmt::format_to(out, "    hash: {}\n", hash_text(service));
  fmt::format_to(out, "    slots: {}\n", service.slots);
  fmt::format_to(out, "    forward: {}\n", service.forward == ForwardMode::l2 ? "l2" : "ipip");
  fmt::format_to(out, "    pools:\n");
  for (const PoolConfig& pool : service.pools) write_pool(pool, out);
  write_split(service, out);
}

}  // namespace

std::string to_yaml(const Config& config) {
  std::string yaml;
  const auto out = std::back_inserter(yaml);
  fmt::format_to(out, "seed_file: {}\n", quoted(config.seed_file));
  fmt::format_to(out, "services:{}\n", config.services.empty() ? " []" : "");
  for (const ServiceConfig& service : config.services) write_service(service, out);
  return yaml;
}

}  // namespace belka
