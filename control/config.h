// SPDX-License-Identifier: Apache-2.0
#pragma once

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
inline constexpr std::string_view kProd = "prod";
inline constexpr std::string_view kCanary = "canary";
inline constexpr std::string_view kDefaultSeedFile = "/var/lib/belka/seed";

enum class HashMode : uint8_t { five_tuple, source };
enum class ForwardMode : uint8_t { l2, ipip };

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
  ForwardMode forward = ForwardMode::l2;
  std::vector<PoolConfig> pools;  // pools[0] is prod, the others in the order of the file
  bool operator==(const ServiceConfig&) const = default;
};

struct Config {
  std::string seed_file{kDefaultSeedFile};
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

// The canonical text: every key written out, so that parse_config(to_yaml(c)).config == c for each
// valid c.
std::string to_yaml(const Config& config);

}  // namespace belka
