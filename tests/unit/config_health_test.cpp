// SPDX-License-Identifier: Apache-2.0
// Ticks, idle times, health checks, and what a pool with too few healthy backends does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

using Kind = HealthConfig::Kind;

// `line` beside the service's other keys.
std::string with_key(std::string_view line) { return fmt::format("{}    {}\n", kGoodConfig, line); }

ServiceConfig service_of(const std::string& text) {
  const ConfigResult result = parse_config(text, "web.yaml");
  EXPECT_TRUE(result.config.has_value()) << errors_of(text);
  return result.config ? result.config->services.at(0) : ServiceConfig{};
}

std::string in_udp(std::string text) { return text.replace(text.find("tcp"), 3, "udp"); }

TEST(ConfigDefaults, AreTheOnesToldOf) {
  const ConfigResult result = parse_config(kGoodConfig, "web.yaml");
  ASSERT_TRUE(result.config.has_value());
  EXPECT_EQ(result.config->tick_ms, 28'125u);
  const ServiceConfig& service = result.config->services[0];
  EXPECT_EQ(service.idle_ms, 900'000u);
  EXPECT_FALSE(service.health.has_value());
  EXPECT_EQ(service.pools[0].fallback, Fallback::refuse);
  EXPECT_EQ(service.pools[1].fallback, Fallback::prod);
  EXPECT_EQ(service.pools[2].fallback, Fallback::prod);
  EXPECT_EQ(service.pools[0].min_healthy_percent, 0u);
  EXPECT_EQ(service_of(in_udp(std::string(kGoodConfig))).idle_ms, 60'000u);
}

TEST(ConfigIdle, OfTheServicesProtocolIsKept) {
  const std::string both = with_key("idle: {tcp: 15m, udp: 120s}");
  EXPECT_EQ(service_of(both).idle_ms, 900'000u);
  EXPECT_EQ(service_of(in_udp(both)).idle_ms, 120'000u);
  EXPECT_EQ(service_of(with_key("idle: {udp: 120s}")).idle_ms, 900'000u);
  EXPECT_EQ(service_of(with_key("idle: {}")).idle_ms, 900'000u);
}

TEST(ConfigIdle, IsTwoToThirtyTwoTicks) {
  const auto text = [](std::string_view idle) {
    return fmt::format("tick: 2s\n{}    idle: {{tcp: {}}}\n", kGoodConfig, idle);
  };
  EXPECT_EQ(service_of(text("2001ms")).idle_ms, 2'001u);
  EXPECT_EQ(service_of(text("64s")).idle_ms, 64'000u);
  EXPECT_EQ(ticks_of(2'001, 2'000), 2u);
  EXPECT_EQ(ticks_of(64'000, 2'000), 32u);
  EXPECT_EQ(ticks_of(900'000, 28'125), 32u);
  EXPECT_EQ(ticks_of(60'000, 28'125), 3u);
  for (const char* idle : {"2s", "64001ms", "0s"})
    EXPECT_EQ(errors_of(text(idle)),
              fmt::format("web.yaml:15: services[0].idle.tcp: found {}, allowed is a whole number "
                          "with its unit (ms, s or m) above 2s and up to 64s, which are 2 to 32 "
                          "ticks of 2s\n",
                          idle));
}

TEST(ConfigIdle, ADefaultThatDoesNotFitTheTickIsAnErrorToo) {
  const std::string rest =
      "services[0].idle.tcp: found nothing, which is 900s, allowed is a whole number with its unit "
      "(ms, s or m) above 2s and up to 64s, which are 2 to 32 ticks of 2s, write one\n";
  EXPECT_EQ(errors_of(fmt::format("tick: 2s\n{}", kGoodConfig)), "web.yaml:3: " + rest);
  EXPECT_EQ(errors_of(fmt::format("tick: 2s\n{}    idle: {{udp: 10s}}\n", kGoodConfig)),
            "web.yaml:15: " + rest);
}

TEST(ConfigTick, IsTwoSecondsToAThirtySecondOfTheLongestIdleTime) {
  EXPECT_EQ(parse_config("tick: 2s\nservices: []\n", "").config->tick_ms, 2'000u);
  EXPECT_EQ(parse_config("tick: 28125ms\nservices: []\n", "").config->tick_ms, 28'125u);
  for (const char* tick : {"1999ms", "28126ms", "2", "fast", "[2s]"}) {
    const ConfigResult result = parse_config(fmt::format("tick: {}\n{}", tick, kGoodConfig), "");
    ASSERT_EQ(result.errors.size(), 1u) << tick;
    EXPECT_EQ(result.errors[0].key, "tick");
  }
  EXPECT_EQ(
      errors_of("tick: 30s\nservices: []\n"),
      "web.yaml:1: tick: found 30s, allowed is a whole number with its unit (ms, s or m) from "
      "2s to 28125ms\n");
}

TEST(ConfigHealth, HasDefaultsForAllButItsKind) {
  EXPECT_EQ(service_of(with_key("health: {tcp: true}")).health, HealthConfig{});
  const HealthConfig http{.kind = Kind::http, .path = "/healthz"};
  EXPECT_EQ(service_of(with_key("health: {http: /healthz}")).health, http);
  HealthConfig quick{.every_ms = 300, .timeout_ms = 300};
  EXPECT_EQ(service_of(with_key("health: {tcp: true, every: 300ms}")).health, quick);
}

TEST(ConfigHealth, ReadsEveryKey) {
  const HealthConfig expected{.kind = Kind::http,
                              .port = 8080,
                              .every_ms = 60'000,
                              .timeout_ms = 1'500,
                              .fall = 100,
                              .rise = 1,
                              .path = "/healthz?full=1",
                              .host = "example.org:81",
                              .status = 204,
                              .body = "it's \"ok\""};
  EXPECT_EQ(service_of(with_key("health: {http: '/healthz?full=1', every: 1m, fall: 100, rise: 1, "
                                "timeout: 1500ms, port: 8080, status: 204, body: 'it''s \"ok\"', "
                                "host: 'example.org:81'}"))
                .health,
            expected);
}

TEST(ConfigHealth, OfAServiceForAllPortsNamesItsPort) {
  const auto text = [](std::string_view health) {
    std::string config = with_line(4, "    port: all");
    return in_udp(config + fmt::format("    health: {}\n", health));
  };
  EXPECT_EQ(service_of(text("{tcp: true, port: 53}")).health->port, 53);
  EXPECT_EQ(errors_of(text("{tcp: true}")),
            "web.yaml:14: services[0].health: found no port, which a service for all ports must "
            "name here, add port: NUMBER\n");
}

struct BadValue {
  const char* line;
  const char* error;  // after `web.yaml:14: services[0].health`
};

class ConfigHealthFault : public testing::TestWithParam<BadValue> {};

TEST_P(ConfigHealthFault, IsNamed) {
  EXPECT_EQ(errors_of(with_key(GetParam().line)),
            fmt::format("web.yaml:14: services[0].health{}\n", GetParam().error));
}

#define BODY_ALLOWED \
  ", allowed is a text of 1 to 255 bytes, without control characters or a space at its end"

constexpr BadValue kBadValues[] = {
    {"health: /healthz",
     ": found /healthz, allowed is a map of http, tcp, every, fall, rise, timeout, port, status, "
     "body, host"},
    {"health: {}", ": found neither http nor tcp, allowed is one of http: /PATH and tcp: true"},
    {"health: {tcp: true, http: /}",
     ": found both http and tcp, allowed is one of http: /PATH and tcp: true"},
    {"health: {tcp: false}", ".tcp: found false, allowed is true"},
    {"health: {tcp: true, status: 200}",
     ".status: found a key of http checks, this one is tcp, remove it"},
    {"health: {tcp: true, interval: 2s}",
     ".interval: found an unknown key, allowed are http, tcp, every, fall, rise, timeout, port, "
     "status, body, host"},
    {"health: {http: healthz}",
     ".http: found healthz, allowed is a path of up to 255 visible ASCII characters without #, the "
     "first a slash"},
    {"health: {http: '/a b'}",
     ".http: found '/a b', allowed is a path of up to 255 visible ASCII characters without #, the "
     "first a slash"},
    {"health: {http: \"/a\\r\\nX: y\"}",
     ".http: found '/a\\x0d\\x0aX: y', allowed is a path of up to 255 visible ASCII characters "
     "without #, the first a slash"},
    {"health: {http: '/#top'}",
     ".http: found '/#top', allowed is a path of up to 255 visible ASCII characters without #, the "
     "first a slash"},
    {"health: {http: /, host: ''}",
     ".host: found '', allowed is a name or address of up to 255 characters"},
    {"health: {http: /, host: a/b}",
     ".host: found a/b, allowed is a name or address of up to 255 characters"},
    {"health: {http: /, status: 199}", ".status: found 199, allowed is a number from 200 to 599"},
    {"health: {http: /, status: 2xx}", ".status: found 2xx, allowed is a number from 200 to 599"},
    {"health: {http: /, body: ''}", ".body: found ''" BODY_ALLOWED},
    {"health: {http: /, body: 'ok '}", ".body: found 'ok '" BODY_ALLOWED},
    {"health: {http: /, body: \"a\\nb\"}", ".body: found 'a\\x0ab'" BODY_ALLOWED},
    {"health: {http: /, body: [ok]}", ".body: found a list" BODY_ALLOWED},
    {"health: {tcp: true, every: 99ms}",
     ".every: found 99ms, allowed is a whole number with its unit (ms, s or m) from 100ms to "
     "3600s"},
    {"health: {tcp: true, every: 61m}",
     ".every: found 61m, allowed is a whole number with its unit (ms, s or m) from 100ms to 3600s"},
    {"health: {tcp: true, every: 2}",
     ".every: found 2, allowed is a whole number with its unit (ms, s or m) from 100ms to 3600s"},
    {"health: {tcp: true, timeout: 9ms}",
     ".timeout: found 9ms, allowed is a whole number with its unit (ms, s or m) from 10ms to 2s"},
    {"health: {tcp: true, timeout: 2001ms}",
     ".timeout: found 2001ms, allowed is a whole number with its unit (ms, s or m) from 10ms to "
     "2s"},
    {"health: {tcp: true, fall: 0}", ".fall: found 0, allowed is a number from 1 to 100"},
    {"health: {tcp: true, rise: 101}", ".rise: found 101, allowed is a number from 1 to 100"},
    {"health: {tcp: true, port: 0}", ".port: found 0, allowed is a number from 1 to 65535"},
};
INSTANTIATE_TEST_SUITE_P(Values, ConfigHealthFault, testing::ValuesIn(kBadValues));

TEST(ConfigFallback, ReadsEachPoolsOwn) {
  std::string text =
      with_line(11, "      canary: {backends: [10.0.2.1], fallback: refuse, min_healthy: 100%}");
  text.replace(text.find("[10.0.3.1]"), 10, "[10.0.3.1], fallback: use-all");
  const ServiceConfig service = service_of(text);
  EXPECT_EQ(service.pools[1].fallback, Fallback::refuse);
  EXPECT_EQ(service.pools[1].min_healthy_percent, 100u);
  EXPECT_EQ(service.pools[2].fallback, Fallback::use_all);
  EXPECT_EQ(service_of(with_line(11, "      canary: {backends: [10.0.2.1], fallback: prod}"))
                .pools[1]
                .fallback,
            Fallback::prod);
}

TEST(ConfigFallback, NamesTheFault) {
  const auto error_of = [](int line, std::string_view pool, std::string_view key) {
    return errors_of(
        with_line(line, fmt::format("      {}: {{backends: [10.0.9.1], {}}}", pool, key)));
  };
  EXPECT_EQ(error_of(11, "canary", "fallback: baseline"),
            "web.yaml:11: services[0].pools.canary.fallback: found baseline, allowed is prod, "
            "refuse or use-all\n");
  EXPECT_EQ(error_of(10, "prod", "fallback: prod"),
            "web.yaml:10: services[0].pools.prod.fallback: found prod, allowed is refuse or "
            "use-all\n");
  EXPECT_EQ(error_of(11, "canary", "fallback: [prod]"),
            "web.yaml:11: services[0].pools.canary.fallback: found a list, allowed is prod, refuse "
            "or use-all\n");
  for (const char* least : {"50", "101%", "0.5%", "-1%", "%"})
    EXPECT_EQ(error_of(11, "canary", fmt::format("min_healthy: '{}'", least)),
              fmt::format("web.yaml:11: services[0].pools.canary.min_healthy: found {}, allowed is "
                          "a whole percentage with its sign from 0% to 100%\n",
                          least));
}

}  // namespace
}  // namespace belka
