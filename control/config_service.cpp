// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netinet/in.h>

#include <array>
#include <bit>
#include <utility>

#include "control/config_address.h"
#include "control/config_parts.h"

namespace belka {
namespace {

constexpr std::array<std::string_view, 11> kServiceKeys = {"name",  "vip",   "port",  "protocol",
                                                           "hash",  "slots", "idle",  "forward",
                                                           "pools", "split", "health"};
constexpr std::string_view kVipAllowed = "an IPv4 or IPv6 address";
constexpr std::string_view kPoolsAllowed =
    "a map of pools, each with its backends, of which one is prod";
constexpr std::string_view kHashAllowed =
    "five-tuple, source, source/24 (bits of the VIP's family) or source/24,/56 (bits of IPv4 and "
    "IPv6)";

// The word of a required key, mapped by `parse`; what it does not know is an error.
template <typename Parse>
auto read_required(const Place& service, std::string_view key, std::string_view allowed,
                   ConfigErrors& errors, Parse parse) -> decltype(parse(std::string_view())) {
  const auto place = require_value(service, key, allowed, errors);
  const auto text = place ? read_text(*place, allowed, errors) : std::nullopt;
  if (!text) return std::nullopt;
  auto value = parse(*text);
  if (!value) errors.add_found(*place, allowed);
  return value;
}

std::optional<std::string> parse_name(std::string_view text) {
  if (!is_name(text, kMaxServiceName)) return std::nullopt;
  return std::string(text);
}

std::optional<uint32_t> parse_port(std::string_view text) {
  if (text == "all") return 0;
  return parse_number(text, 1, 65535);
}

std::optional<uint8_t> parse_protocol(std::string_view text) {
  if (text == "tcp") return IPPROTO_TCP;
  if (text == "udp") return IPPROTO_UDP;
  return std::nullopt;
}

std::optional<ForwardMode> parse_forward(std::string_view text) {
  if (text == "l2") return ForwardMode::l2;
  if (text == "ipip") return ForwardMode::ipip;
  return std::nullopt;
}

// `source`, `source/24` or `source/24,/56`. False where it is none of them; service is then half
// set.
bool parse_source_hash(std::string_view text, ServiceConfig& service) {
  constexpr std::string_view kSource = "source";
  if (!text.starts_with(kSource)) return false;
  service.hash = HashMode::source;
  text.remove_prefix(kSource.size());
  if (text.empty()) return true;
  if (!text.starts_with('/')) return false;
  const size_t comma = text.find(",/");
  const std::string_view first = text.substr(1, comma == text.npos ? text.npos : comma - 1);
  if (comma == text.npos) {
    const bool v6 =
        service.vip.family != 4;  // not known: the wider one, so that only nonsense is one
    const auto bits = parse_number(first, 1, v6 ? 128 : 32);
    (v6 ? service.prefix_bits_v6 : service.prefix_bits_v4) = static_cast<uint8_t>(bits.value_or(0));
    return bits.has_value();
  }
  const auto v4_bits = parse_number(first, 1, 32);
  const auto v6_bits = parse_number(text.substr(comma + 2), 1, 128);
  service.prefix_bits_v4 = static_cast<uint8_t>(v4_bits.value_or(0));
  service.prefix_bits_v6 = static_cast<uint8_t>(v6_bits.value_or(0));
  return v4_bits && v6_bits;
}

void read_hash(const Place& place, ServiceConfig& service, ConfigErrors& errors) {
  const auto text = read_text(place, kHashAllowed, errors);
  if (!text || *text == "five-tuple") return;
  if (!parse_source_hash(*text, service)) errors.add_found(place, kHashAllowed);
}

void read_slots(const Place& place, ServiceConfig& service, ConfigErrors& errors) {
  const auto allowed = fmt::format("a power of two from {} to {}", kMinSlots, kMaxSlots);
  service.slots = 0;
  const auto text = read_text(place, allowed, errors);
  if (!text) return;
  const auto slots = parse_number(*text, kMinSlots, kMaxSlots);
  if (slots && std::has_single_bit(*slots)) {
    service.slots = *slots;
  } else {
    errors.add_found(place, allowed);
  }
}

void read_address_and_port(const Place& place, ServiceAt& service, ConfigErrors& errors) {
  if (const auto vip = require_value(place, "vip", kVipAllowed, errors))
    service.config.vip = read_unicast(*vip, errors).value_or(Address{});
  const auto port =
      read_required(place, "port", "a number from 1 to 65535, or all", errors, parse_port);
  const auto protocol = read_required(place, "protocol", "tcp or udp", errors, parse_protocol);
  service.has_port = port.has_value();
  service.config.port = static_cast<uint16_t>(port.value_or(0));
  service.has_protocol = protocol.has_value();
  service.config.protocol = protocol.value_or(IPPROTO_TCP);
}

}  // namespace

ServiceAt read_service(const Place& place, uint32_t tick_ms, ConfigErrors& errors) {
  ServiceAt service{.config = {}, .place = place};
  ServiceConfig& config = service.config;
  if (!check_map(place, kServiceKeys, errors)) {
    config.slots = 0;
    return service;
  }
  const auto name_allowed = fmt::format(
      "1 to {} characters of a-z 0-9 . _ -, the first a letter or digit", kMaxServiceName);
  config.name = read_required(place, "name", name_allowed, errors, parse_name).value_or("");
  read_address_and_port(place, service, errors);
  if (const auto hash = find_value(place, "hash")) read_hash(*hash, config, errors);
  if (const auto slots = find_value(place, "slots")) read_slots(*slots, config, errors);
  read_idle(place, tick_ms, service, errors);
  config.forward = read_required(place, "forward", "l2 or ipip", errors, parse_forward)
                       .value_or(ForwardMode::l2);
  if (const auto pools = require_value(place, "pools", kPoolsAllowed, errors))
    read_pools(*pools, config, errors);
  if (const auto split = find_value(place, "split")) read_split(*split, config, errors);
  if (const auto health = find_value(place, "health")) read_health(*health, service, errors);
  return service;
}

}  // namespace belka
