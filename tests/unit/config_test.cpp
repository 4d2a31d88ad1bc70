// SPDX-License-Identifier: Apache-2.0
#include "control/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

TEST(Config, ReadsWhatIsWritten) {
  const ConfigResult result = parse_config(kGoodConfig, "web.yaml");
  ASSERT_TRUE(result.config.has_value()) << errors_of(kGoodConfig);
  ASSERT_EQ(result.config->services.size(), 1u);
  EXPECT_EQ(result.config->seed_file, "/var/lib/belka/seed");
  const ServiceConfig& service = result.config->services[0];
  EXPECT_EQ(service.name, "web");
  EXPECT_EQ(service.vip.text(), "203.0.113.10");
  EXPECT_EQ(service.port, 443);
  EXPECT_EQ(service.protocol, 6);
  EXPECT_EQ(service.hash, HashMode::five_tuple);
  EXPECT_EQ(service.slots, 65536u);
  EXPECT_EQ(service.forward, ForwardMode::ipip);
  ASSERT_EQ(service.pools.size(), 3u);
  EXPECT_EQ(service.pools[0].name, "prod");
  ASSERT_EQ(service.pools[0].backends.size(), 2u);
  EXPECT_EQ(service.pools[0].backends[0].address.text(), "10.0.1.1");
  EXPECT_EQ(service.pools[0].backends[0].weight, 1u);
  EXPECT_EQ(service.pools[0].backends[1].weight, 2u);
  EXPECT_EQ(service.pools[1].name, "canary");
  EXPECT_EQ(service.pools[1].share_ppm, 10'000u);
  EXPECT_FALSE(service.pools[1].match);
  EXPECT_EQ(service.pools[2].name, "baseline");
  EXPECT_TRUE(service.pools[2].match);
}

TEST(Config, ProdIsFirstWhereverItStands) {
  const std::string text =
      "services:\n"
      "- {name: a, vip: 2001:db8::1, port: all, protocol: udp, forward: l2, slots: 16,\n"
      "   pools: {canary: {backends: []}, prod: {backends: ['2001:db8::']}, b: {backends: []}}}\n"
      "seed_file: /tmp/it's a seed\n";
  const ConfigResult result = parse_config(text, "web.yaml");
  ASSERT_TRUE(result.config.has_value()) << errors_of(text);
  EXPECT_EQ(result.config->seed_file, "/tmp/it's a seed");
  const ServiceConfig& service = result.config->services[0];
  EXPECT_EQ(service.port, 0);
  EXPECT_EQ(service.protocol, 17);
  ASSERT_EQ(service.pools.size(), 3u);
  EXPECT_EQ(service.pools[0].name, "prod");
  EXPECT_EQ(service.pools[1].name, "canary");
  EXPECT_EQ(service.pools[2].name, "b");
  EXPECT_EQ(service.pools[1].share_ppm, 0u);
}

TEST(Config, SourcePrefixIsOfTheVipsFamilyOrOfBoth) {
  struct Case {
    const char* vip;
    const char* hash;
    int v4_bits;
    int v6_bits;
  };
  for (const Case& c :
       {Case{"203.0.113.10", "source", 32, 128}, Case{"203.0.113.10", "source/24", 24, 128},
        Case{"203.0.113.10", "source/24,/56", 24, 56}, Case{"2001:db8::10", "source/56", 32, 56},
        Case{"2001:db8::10", "source/24", 32, 24}, Case{"2001:db8::10", "source/1,/128", 1, 128}}) {
    const bool v6 = std::string_view(c.vip).find(':') != std::string_view::npos;
    const std::string text = fmt::format(
        "services: [{{name: a, vip: '{}', hash: '{}', port: 1, protocol: tcp, forward: l2, "
        "pools: {{prod: {{backends: ['{}']}}}}}}]",
        c.vip, c.hash, v6 ? "2001:db8::2" : "10.0.0.2");
    const ConfigResult result = parse_config(text, "web.yaml");
    ASSERT_TRUE(result.config.has_value()) << errors_of(text);
    const ServiceConfig& service = result.config->services[0];
    EXPECT_EQ(service.hash, HashMode::source);
    EXPECT_EQ(service.prefix_bits_v4, c.v4_bits) << c.hash;
    EXPECT_EQ(service.prefix_bits_v6, c.v6_bits) << c.hash;
  }
}

TEST(Config, TellsAllErrorsAtOnceByLine) {
  const std::string text =
      "sead_file: /tmp/seed\n"
      "services:\n"
      "  - name: web\n"
      "    vip: 300.0.0.1\n"
      "    port: 70000\n"
      "    protocol: tcp\n"
      "    slots: 65537\n"
      "    hash: random\n"
      "    forward: ipip\n"
      "    pools:\n"
      "      prod: {backends: [10.0.1.1]}\n"
      "      canary: {backends: [10.0.1.1, bad]}\n"
      "    split: {canary: 5, baseline: match}\n"
      "  - web\n";
  EXPECT_EQ(
      errors_of(text),
      "web.yaml:1: sead_file: found an unknown key, allowed are seed_file, tick, services\n"
      "web.yaml:4: services[0].vip: found 300.0.0.1, allowed is an IPv4 or IPv6 address\n"
      "web.yaml:5: services[0].port: found 70000, allowed is a number from 1 to 65535, or all\n"
      "web.yaml:7: services[0].slots: found 65537, allowed is a power of two from 16 to 4194304\n"
      "web.yaml:8: services[0].hash: found random, allowed is five-tuple, source, source/24 (bits "
      "of the "
      "VIP's family) or source/24,/56 (bits of IPv4 and IPv6)\n"
      "web.yaml:12: services[0].pools.canary.backends[0]: found 10.0.1.1 again, first at "
      "services[0].pools.prod.backends[0], allowed is once in a service, remove one\n"
      "web.yaml:12: services[0].pools.canary.backends[1]: found bad, allowed is an IPv4 or IPv6 "
      "address\n"
      "web.yaml:13: services[0].split.canary: found 5, allowed is a percentage with its sign and "
      "at "
      "most 4 decimals from 0% to 100% (such as 0.5%), 0, or match\n"
      "web.yaml:13: services[0].split.baseline: found no pool of this name, allowed are canary\n"
      "web.yaml:14: services[1]: found web, allowed is a map of name, vip, port, protocol, hash, "
      "slots, idle, forward, pools, split, health\n");
}

TEST(Config, AnErrorLeavesNoConfiguration) {
  EXPECT_FALSE(parse_config(with_line(7, "    slots: 3"), "web.yaml").config.has_value());
}

TEST(Config, NamesTheSeedFilesFault) {
  for (const char* path :
       {"seed", "./seed", "/", "/tmp/", "'/tmp/a '", "\"/tmp/a", "'/tmp/a\tb'"}) {
    const ConfigResult result =
        parse_config(fmt::format("services: []\nseed_file: {}\n", path), "web.yaml");
    ASSERT_EQ(result.errors.size(), 1u) << path;
    EXPECT_EQ(result.errors[0].line, 2);
    EXPECT_EQ(result.errors[0].key, "seed_file");
  }
  EXPECT_EQ(errors_of("seed_file: seed\nservices: []"),
            "web.yaml:1: seed_file: found seed, allowed is the absolute path of a file\n");
}

std::string service_line(int index, std::string_view more = "") {
  return fmt::format(
      "- {{name: s{0}, vip: 203.0.{1}.{2}, port: 80, protocol: tcp, forward: l2, {3} pools: "
      "{{prod: "
      "{{backends: [10.0.0.1]}}}}}}\n",
      index, index / 250, index % 250 + 1, more);
}

TEST(Config, ServicesHaveNamesAndEndpointsOfTheirOwn) {
  const std::string one = service_line(1);
  EXPECT_EQ(
      errors_of("services:\n" + one + one),
      "web.yaml:3: services[1].name: found s1, which services[0] has already, give each service a "
      "name of its own\n"
      "web.yaml:3: services[1].vip: found 203.0.0.2, port 80, tcp, which services[0] has already, "
      "allowed is one service for each VIP, port and protocol\n");
  std::string all_ports = service_line(1);
  all_ports.replace(all_ports.find("s1"), 2, "s2");
  all_ports.replace(all_ports.find("80"), 2, "all");
  EXPECT_EQ(errors_of("services:\n" + one + all_ports), "");
}

TEST(Config, HoldsTheLimitsOverAllServices) {
  std::string services = "services:\n";
  for (int i = 0; i < 1024; ++i) services += service_line(i, "slots: 4096,");
  EXPECT_EQ(errors_of(services), "");
  EXPECT_EQ(
      errors_of(services + service_line(1024, "slots: 4096,")),
      "web.yaml:2: services: found 1025 services, allowed are at most 1024\n"
      "web.yaml:2: services: found 4198400 slots over all services, allowed are at most 4194304\n");
}

TEST(Config, HoldsTheLimitOfBackends) {
  std::string text =
      "services:\n- {name: a, vip: 203.0.113.1, port: 80, protocol: tcp, forward: l2, pools: "
      "{prod: "
      "{backends: [";
  for (int i = 0; i < 65000; ++i) text += fmt::format("10.1.{}.{}, ", i / 256, i % 256);
  EXPECT_EQ(errors_of(text + "]}}}\n"), "");
  EXPECT_EQ(
      errors_of(text + "10.2.0.0]}}}\n"),
      "web.yaml:2: services: found 65001 backends over all services, allowed are at most 65000\n");
}

TEST(Config, ManyErrorsAreBounded) {
  std::string text = "services:\n";
  for (int i = 0; i < 2000; ++i) text += "- web\n";
  const ConfigResult result = parse_config(text, "web.yaml");
  ASSERT_EQ(result.errors.size(), 1001u);
  EXPECT_EQ(result.errors.back().text(), "web.yaml: 1001 more errors are not shown");
}

}  // namespace
}  // namespace belka
