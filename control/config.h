// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/address.h"

namespace belka {

inline constexpr size_t kMaxServices = 1024;
inline constexpr size_t kMaxBackends = 65'000;    // over all services and pools
inline constexpr size_t kMaxPools = 16;           // of one service, with prod
inline constexpr uint32_t kMinSlots = 16;         // of one service, a power of two
inline constexpr uint32_t kMaxSlots = 4'194'304;  // of one service, and over all services
inline constexpr uint32_t kDefaultSlots = 65'536;
inline constexpr uint32_t kMaxWeight = 1000;
inline constexpr size_t kMaxServiceName = 63;  // characters
inline constexpr size_t kMaxPoolName = 31;     // characters
inline constexpr size_t kMaxConfigBytes = 16u << 20;
inline constexpr uint32_t kMinTickMs = 2'000;
inline constexpr uint32_t kMaxTickMs = 28'125;  // 32 of them are the 900 s of a TCP service
inline constexpr uint32_t kMinIdleTicks = 2;
inline constexpr uint32_t kMaxIdleTicks = 32;
inline constexpr size_t kMaxHealthText = 255;  // bytes of a check's path, host or body
inline constexpr std::string_view kProd = "prod";
inline constexpr std::string_view kCanary = "canary";
inline constexpr std::string_view kDefaultSeedFile = "/var/lib/belka/seed";

enum class HashMode : uint8_t { five_tuple, source };
enum class ForwardMode : uint8_t { l2, ipip };

// Where new connections of a pool go that has too few healthy backends: to prod, nowhere, or to all
// of its backends as if they were healthy. Of prod itself only the last two.
enum class Fallback : uint8_t { prod, refuse, use_all };

constexpr Fallback default_fallback(std::string_view pool) {
  return pool == kProd ? Fallback::refuse : Fallback::prod;
}

constexpr uint32_t default_idle_ms(uint8_t protocol) {
  return protocol == IPPROTO_UDP ? 60'000 : 900'000;
}

// Rounded up, so that no connection is taken for idle too early.
constexpr uint32_t ticks_of(uint32_t idle_ms, uint32_t tick_ms) {
  return idle_ms / tick_ms + (idle_ms % tick_ms != 0);
}

// How the backends of a service are checked.
struct HealthConfig {
  enum class Kind : uint8_t { tcp, http };
  Kind kind = Kind::tcp;        // a connection that is accepted, or the answer to a GET as well
  uint16_t port = 0;            // host order; 0: the service's (of a service for all ports never 0)
  uint32_t every_ms = 2'000;    // 100..3'600'000
  uint32_t timeout_ms = 1'000;  // of a whole check, 10..every_ms
  uint32_t fall = 3;            // failed checks in a row until it is down, 1..100
  uint32_t rise = 2;            // passed checks in a row until it is up, 1..100
  // Of http alone.
  std::string path;     // visible ASCII from its slash on
  std::string host;     // the Host header; empty: the backend's address
  uint16_t status = 0;  // 200..599; 0: any from 200 to 399
  std::string body;     // is to occur in the body's first 4 KiB; empty: not looked at
  auto operator<=>(const HealthConfig&) const = default;
};

struct BackendConfig {
  Address address;
  uint32_t weight = 1;  // relative within its pool, 0..kMaxWeight; 0 is a weight: gets no slots
  bool operator==(const BackendConfig&) const = default;
};

struct PoolConfig {
  std::string name;
  std::vector<BackendConfig> backends;
  uint32_t share_ppm = 0;  // of new connections; 0 is a share; unused for prod (the rest) and match
  bool match = false;      // as many slots as the canary
  Fallback fallback = Fallback::prod;  // of prod refuse or use_all (default_fallback)
  // Of its backends with a weight above 0, how many must be up, 0..100; with none up there are
  // always too few.
  uint32_t min_healthy_percent = 0;
  bool operator==(const PoolConfig&) const = default;
};

struct ServiceConfig {
  std::string name;
  Address vip;
  uint16_t port = 0;     // host order; 0: all ports
  uint8_t protocol = 6;  // IPPROTO_TCP or IPPROTO_UDP
  HashMode hash = HashMode::five_tuple;
  uint8_t prefix_bits_v4 = 32;  // of the source address that `source` hashes
  uint8_t prefix_bits_v6 = 128;
  uint32_t slots = kDefaultSlots;
  uint32_t idle_ms = 900'000;  // after which a connection may be forgotten: 2 to 32 ticks, ticks_of
  ForwardMode forward = ForwardMode::l2;
  std::optional<HealthConfig> health;  // none: all backends count as up
  std::vector<PoolConfig> pools;       // pools[0] is prod, the others in the order of the file
  bool operator==(const ServiceConfig&) const = default;
};

struct Config {
  std::string seed_file{kDefaultSeedFile};
  uint32_t tick_ms = kMaxTickMs;  // kMinTickMs..kMaxTickMs
  std::vector<ServiceConfig> services;
  bool operator==(const Config&) const = default;
};

// One thing wrong in a file. `key` is its path (services[0].pools.canary.backends[2].weight), empty
// where the text is no configuration at all; `sentence` says what was found, what is allowed and
// the remedy.
struct ConfigError {
  std::string file;
  int line = 0;  // from 1; 0 where it is of no line
  std::string key;
  std::string sentence;
  std::string text() const;  // `web.yaml:12: services[0].slots: found 65537, allowed is …`
};

struct ConfigResult {
  std::optional<Config> config;  // only where there is no error
  std::vector<ConfigError>
      errors;  // all of them, by line (at most 1,000, then a last one with their number)
};

// Reads and validates; pure, throws nothing of its own, bounded for any input. `file_name` only
// labels errors.
ConfigResult parse_config(std::string_view yaml_text, std::string_view file_name);

// The canonical text: every key written out but those of a health check that are not wanted (health
// itself; port, host, status, body), so that parse_config(to_yaml(c)).config == c for each
// valid c.
std::string to_yaml(const Config& config);

}  // namespace belka
