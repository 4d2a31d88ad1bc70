// SPDX-License-Identifier: Apache-2.0
// The canonical text of a configuration reads back as the same configuration.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

void expect_round_trip(const Config& config) {
  const std::string text = to_yaml(config);
  const ConfigResult result = parse_config(text, "web.yaml");
  ASSERT_TRUE(result.config.has_value()) << errors_of(text) << text;
  EXPECT_EQ(*result.config, config) << text;
  EXPECT_EQ(to_yaml(*result.config), text);
}

TEST(ConfigWrite, IsTheCanonicalText) {
  const ConfigResult result = parse_config(kGoodConfig, "web.yaml");
  ASSERT_TRUE(result.config.has_value());
  EXPECT_EQ(to_yaml(*result.config),
            "seed_file: '/var/lib/belka/seed'\n"
            "tick: 28125ms\n"
            "services:\n"
            "  - name: 'web'\n"
            "    vip: '203.0.113.10'\n"
            "    port: 443\n"
            "    protocol: tcp\n"
            "    hash: five-tuple\n"
            "    slots: 65536\n"
            "    idle: {tcp: 900s}\n"
            "    forward: ipip\n"
            "    pools:\n"
            "      'prod':\n"
            "        backends:\n"
            "          - {address: '10.0.1.1', weight: 1}\n"
            "          - {address: '10.0.1.2', weight: 2}\n"
            "        fallback: refuse\n"
            "        min_healthy: 0%\n"
            "      'canary':\n"
            "        backends:\n"
            "          - {address: '10.0.2.1', weight: 1}\n"
            "        fallback: prod\n"
            "        min_healthy: 0%\n"
            "      'baseline':\n"
            "        backends:\n"
            "          - {address: '10.0.3.1', weight: 1}\n"
            "        fallback: prod\n"
            "        min_healthy: 0%\n"
            "    split: {'canary': 1%, 'baseline': match}\n");
}

TEST(ConfigWrite, EmptyAndOddNamesRoundTrip) {
  expect_round_trip(Config{});
  Config config{.seed_file = "/tmp/it's \"odd\": # {\xc3\xa9}", .services = {}};
  expect_round_trip(config);
  config.services = parse_config(kGoodConfig, "web.yaml").config->services;
  for (const char* name : {"null", "true", "1", "0x10", "1e5", "no", "a-.-_", "match"}) {
    config.services[0].name = name;
    config.services[0].pools[2].name = name;
    expect_round_trip(config);
  }
}

struct RandomConfig {
  uint32_t operator()() { return static_cast<uint32_t>(engine()); }
  std::mt19937 engine;
};

PoolConfig random_pool(RandomConfig& random, const std::string& name, int family, int number) {
  PoolConfig pool;
  pool.name = name;
  const int backends = 1 + static_cast<int>(random() % 4);
  for (int i = 0; i < backends; ++i) {
    const std::string text = family == 4 ? fmt::format("10.{}.0.{}", number, i)
                                         : fmt::format("2001:db8:{:x}::{:x}", number, i);
    pool.backends.push_back({*Address::parse(text), 1 + random() % kMaxWeight});
  }
  pool.fallback = default_fallback(name);
  if (random() % 2 == 0) pool.fallback = random() % 2 == 0 ? Fallback::use_all : Fallback::refuse;
  pool.min_healthy_percent = random() % 101;
  return pool;
}

HealthConfig random_health(RandomConfig& random, const ServiceConfig& service) {
  HealthConfig health;
  health.every_ms = 100 + random() % 3'599'901;
  health.timeout_ms = 10 + random() % (health.every_ms - 9);
  health.fall = 1 + random() % 100;
  health.rise = 1 + random() % 100;
  if (service.port == 0 || random() % 2 == 0)
    health.port = static_cast<uint16_t>(1 + random() % 65535);
  if (random() % 3 == 0) return health;
  health.kind = HealthConfig::Kind::http;
  health.path = random() % 2 == 0 ? "/" : "/it's?{a}:[b],&c=*d!";
  if (random() % 2 == 0) health.host = random() % 2 == 0 ? "null" : "[2001:db8::1]:8080";
  if (random() % 2 == 0) health.status = static_cast<uint16_t>(200 + random() % 400);
  if (random() % 2 == 0) health.body = random() % 2 == 0 ? "ok" : " {\"up\": 'yes'} # \xc3\xa9";
  return health;
}

ServiceConfig random_service(RandomConfig& random, int number) {
  const int family = random() % 2 == 0 ? 4 : 6;
  ServiceConfig service;
  service.name = fmt::format("s{}", number);
  service.vip = *Address::parse(family == 4 ? "203.0.113.1" : "2001:db8:ffff::");
  service.port = static_cast<uint16_t>(number);
  service.protocol = random() % 2 == 0 ? 6 : 17;
  service.forward = random() % 2 == 0 ? ForwardMode::l2 : ForwardMode::ipip;
  service.slots = 1u << (10 + random() % 8);
  service.idle_ms = 2'001 + random() % 61'999;
  if (random() % 2 == 0) service.health = random_health(random, service);
  if (random() % 2 == 0) {
    service.hash = HashMode::source;
    service.prefix_bits_v4 = static_cast<uint8_t>(1 + random() % 32);
    service.prefix_bits_v6 = static_cast<uint8_t>(1 + random() % 128);
  }
  service.pools = {random_pool(random, "prod", family, 0), random_pool(random, "canary", family, 1),
                   random_pool(random, "baseline", family, 2), random_pool(random, "x", family, 3)};
  service.pools[1].share_ppm = random() % 3 == 0 ? 0 : 1'000 + random() % 249'000;
  service.pools[2].match = true;
  service.pools[3].share_ppm = 1'000 + random() % 249'000;
  return service;
}

TEST(ConfigWrite, RandomConfigurationsRoundTrip) {
  RandomConfig random{std::mt19937(20240607)};
  for (int i = 0; i < 300; ++i) {
    Config config{.tick_ms = 2'000};
    const int services = static_cast<int>(random() % 4);
    for (int s = 0; s < services; ++s) config.services.push_back(random_service(random, s));
    expect_round_trip(config);
  }
}

// The limits let the largest configuration through in its canonical form.
TEST(ConfigWrite, TheLargestConfigurationRoundTrips) {
  RandomConfig random{std::mt19937(1)};
  Config config;
  for (int s = 0; s < 65; ++s) {
    ServiceConfig service = random_service(random, s);
    service.vip = *Address::parse("2001:db8:ffff::");
    service.slots = 1024;
    service.idle_ms = 900'000;
    service.pools = {PoolConfig{"prod", {}, 0, false, Fallback::refuse}};
    for (int i = 0; i < 1000; ++i)
      service.pools[0].backends.push_back(
          {*Address::parse(
               fmt::format("2001:db8:1111:2222:3333:4444:{:x}:{:x}", s + 0x1000, i + 0x1000)),
           1000});
    config.services.push_back(std::move(service));
  }
  expect_round_trip(config);
}

}  // namespace
}  // namespace belka
