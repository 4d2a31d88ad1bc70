// SPDX-License-Identifier: Apache-2.0
// Every fault of a service's own keys is told with file, line, key path, what was found and what is
// allowed.
#include <gtest/gtest.h>

#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

struct BadServiceLine {
  int line;
  const char* text;
  const char* error;  // complete, but for the line's end
};

class ConfigService : public testing::TestWithParam<BadServiceLine> {};

TEST_P(ConfigService, NamesTheFault) {
  const BadServiceLine& bad = GetParam();
  EXPECT_EQ(errors_of(with_line(bad.line, bad.text)), std::string(bad.error) + "\n");
}

constexpr BadServiceLine kBadNames[] = {
    {2, "  - name: Web",
     "web.yaml:2: services[0].name: found Web, allowed is 1 to 63 characters of a-z 0-9 . _ -, the "
     "first a letter or digit"},
    {2, "  - name: -web",
     "web.yaml:2: services[0].name: found -web, allowed is 1 to 63 characters of a-z 0-9 . _ -, "
     "the "
     "first a letter or digit"},
    {2, "  - name: \"a\\e[31mb\"",
     "web.yaml:2: services[0].name: found 'a\\x1b[31mb', allowed is 1 to 63 characters of a-z 0-9 "
     ". _ "
     "-, the first a letter or digit"},
    {2, "  - name: ''",
     "web.yaml:2: services[0].name: found '', allowed is 1 to 63 characters of a-z 0-9 . _ -, the "
     "first a letter or digit"},
    {2, "  - name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     "web.yaml:2: services[0].name: found "
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..., allowed is 1 to 63 "
     "characters "
     "of a-z 0-9 . _ -, the first a letter or digit"},
    {2, "  - name:",
     "web.yaml:2: services[0].name: found nothing, allowed is 1 to 63 characters of a-z 0-9 . _ -, "
     "the first a letter or digit"},
    {2, "  - name: [web]",
     "web.yaml:2: services[0].name: found a list, allowed is 1 to 63 characters of a-z 0-9 . _ -, "
     "the "
     "first a letter or digit"},
    {2, "  - name: null",
     "web.yaml:2: services[0].name: found nothing, allowed is 1 to 63 characters of a-z 0-9 . _ -, "
     "the first a letter or digit"},
};
INSTANTIATE_TEST_SUITE_P(Names, ConfigService, testing::ValuesIn(kBadNames));

constexpr BadServiceLine kBadVips[] = {
    {3, "    vip: 203.0.113.256",
     "web.yaml:3: services[0].vip: found 203.0.113.256, allowed is an IPv4 or IPv6 address"},
    {3, "    vip: 203.0.113.10/32",
     "web.yaml:3: services[0].vip: found 203.0.113.10/32, allowed is an IPv4 or IPv6 address"},
    {3, "    vip: web.example.com",
     "web.yaml:3: services[0].vip: found web.example.com, allowed is an IPv4 or IPv6 address"},
    {3, "    vip: {a: b}",
     "web.yaml:3: services[0].vip: found a map, allowed is an IPv4 or IPv6 address"},
    {3, "    vip: 0.0.0.0",
     "web.yaml:3: services[0].vip: found 0.0.0.0, which is unspecified, allowed is a unicast "
     "address"},
    {3, "    vip: 224.0.0.1",
     "web.yaml:3: services[0].vip: found 224.0.0.1, which is multicast, allowed is a unicast "
     "address"},
    {3, "    vip: 127.1.2.3",
     "web.yaml:3: services[0].vip: found 127.1.2.3, which is loopback, allowed is a unicast "
     "address"},
    {3, "    vip: 169.254.0.1",
     "web.yaml:3: services[0].vip: found 169.254.0.1, which is link-local, allowed is a unicast "
     "address"},
    {3, "    vip: 255.255.255.255",
     "web.yaml:3: services[0].vip: found 255.255.255.255, which is broadcast, allowed is a unicast "
     "address"},
    {3, "    vip: '::'",
     "web.yaml:3: services[0].vip: found ::, which is unspecified, allowed is a unicast address"},
    {3, "    vip: '::1'",
     "web.yaml:3: services[0].vip: found ::1, which is loopback, allowed is a unicast address"},
    {3, "    vip: ff02::1",
     "web.yaml:3: services[0].vip: found ff02::1, which is multicast, allowed is a unicast "
     "address"},
    {3, "    vip: fe80::1",
     "web.yaml:3: services[0].vip: found fe80::1, which is link-local, allowed is a unicast "
     "address"},
    {3, "    vip: '::ffff:203.0.113.10'",
     "web.yaml:3: services[0].vip: found ::ffff:203.0.113.10, which is an IPv4-mapped IPv6 "
     "address, "
     "allowed is a unicast address"},
    {3, "",
     "web.yaml:2: services[0].vip: found nothing, this key is required, allowed is an IPv4 or IPv6 "
     "address"},
};
INSTANTIATE_TEST_SUITE_P(Vips, ConfigService, testing::ValuesIn(kBadVips));

constexpr BadServiceLine kBadPortsAndModes[] = {
    {4, "    port: 0",
     "web.yaml:4: services[0].port: found 0, allowed is a number from 1 to 65535, or all"},
    {4, "    port: 65536",
     "web.yaml:4: services[0].port: found 65536, allowed is a number from 1 to 65535, or all"},
    {4, "    port: -1",
     "web.yaml:4: services[0].port: found -1, allowed is a number from 1 to 65535, or all"},
    {4, "    port: +443",
     "web.yaml:4: services[0].port: found +443, allowed is a number from 1 to 65535, or all"},
    {4, "    port: 0443",
     "web.yaml:4: services[0].port: found 0443, allowed is a number from 1 to 65535, or all"},
    {4, "    port: 0x1bb",
     "web.yaml:4: services[0].port: found 0x1bb, allowed is a number from 1 to 65535, or all"},
    {4, "    port: 4294967739",
     "web.yaml:4: services[0].port: found 4294967739, allowed is a number from 1 to 65535, or all"},
    {4, "    port: https",
     "web.yaml:4: services[0].port: found https, allowed is a number from 1 to 65535, or all"},
    {4, "    port: [80, 443]",
     "web.yaml:4: services[0].port: found a list, allowed is a number from 1 to 65535, or all"},
    {5, "    protocol: TCP", "web.yaml:5: services[0].protocol: found TCP, allowed is tcp or udp"},
    {5, "    protocol: sctp",
     "web.yaml:5: services[0].protocol: found sctp, allowed is tcp or udp"},
    {8, "    forward: nat", "web.yaml:8: services[0].forward: found nat, allowed is l2 or ipip"},
    {8, "",
     "web.yaml:2: services[0].forward: found nothing, this key is required, allowed is l2 or ipip"},
};
INSTANTIATE_TEST_SUITE_P(PortsAndModes, ConfigService, testing::ValuesIn(kBadPortsAndModes));

constexpr BadServiceLine kBadHashesAndSlots[] = {
    {6, "    hash: sourceip",
     "web.yaml:6: services[0].hash: found sourceip, allowed is five-tuple, source, source/24 (bits "
     "of "
     "the VIP's family) or source/24,/56 (bits of IPv4 and IPv6)"},
    {6, "    hash: source/0",
     "web.yaml:6: services[0].hash: found source/0, allowed is five-tuple, source, source/24 (bits "
     "of "
     "the VIP's family) or source/24,/56 (bits of IPv4 and IPv6)"},
    {6, "    hash: source/33",
     "web.yaml:6: services[0].hash: found source/33, allowed is five-tuple, source, source/24 "
     "(bits of "
     "the VIP's family) or source/24,/56 (bits of IPv4 and IPv6)"},
    {6, "    hash: source/24,/129",
     "web.yaml:6: services[0].hash: found 'source/24,/129', allowed is five-tuple, source, "
     "source/24 "
     "(bits of the VIP's family) or source/24,/56 (bits of IPv4 and IPv6)"},
    {6, "    hash: source/24,56",
     "web.yaml:6: services[0].hash: found 'source/24,56', allowed is five-tuple, source, source/24 "
     "(bits of the VIP's family) or source/24,/56 (bits of IPv4 and IPv6)"},
    {6, "    hash: source,/56",
     "web.yaml:6: services[0].hash: found 'source,/56', allowed is five-tuple, source, source/24 "
     "(bits "
     "of the VIP's family) or source/24,/56 (bits of IPv4 and IPv6)"},
    {7, "    slots: 65537",
     "web.yaml:7: services[0].slots: found 65537, allowed is a power of two from 16 to 4194304"},
    {7, "    slots: 8",
     "web.yaml:7: services[0].slots: found 8, allowed is a power of two from 16 to 4194304"},
    {7, "    slots: 8388608",
     "web.yaml:7: services[0].slots: found 8388608, allowed is a power of two from 16 to 4194304"},
    {7, "    slots: ~",
     "web.yaml:7: services[0].slots: found nothing, allowed is a power of two from 16 to 4194304"},
    {7, "    slots: 64k",
     "web.yaml:7: services[0].slots: found 64k, allowed is a power of two from 16 to 4194304"},
};
INSTANTIATE_TEST_SUITE_P(HashesAndSlots, ConfigService, testing::ValuesIn(kBadHashesAndSlots));

constexpr BadServiceLine kBadKeys[] = {
    {7, "    rules: []",
     "web.yaml:7: services[0].rules: found an unknown key, allowed are name, vip, port, protocol, "
     "hash, slots, idle, forward, pools, split, health"},
    {7, "    <<: {port: 1}",
     "web.yaml:7: services[0].'<<': found an unknown key, allowed are name, vip, port, protocol, "
     "hash, slots, idle, forward, pools, split, health"},
    {7, "    port: 80",
     "web.yaml:7: services[0].port: found this key twice, first in line 4, allowed is once, remove "
     "one"},
    {7, "    port: 443",
     "web.yaml:7: services[0].port: found this key twice, first in line 4, allowed is once, remove "
     "one"},
};
INSTANTIATE_TEST_SUITE_P(Keys, ConfigService, testing::ValuesIn(kBadKeys));

}  // namespace
}  // namespace belka
