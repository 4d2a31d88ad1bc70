// SPDX-License-Identifier: Apache-2.0
#include "control/explain.h"

#include <gtest/gtest.h>

#include <cstring>

#include "control/cli_text.h"
#include "dataplane/tables.h"
#include "split/classify.h"

namespace belka {
namespace {

using nlohmann::json;

constexpr uint32_t kSlotBase = 64, kWebSlots = 16, kIfindex = 5;
constexpr uint16_t kProdBackend = 11, kCanaryBackend = 12;

Flow flow_of(const std::string& text) { return std::get<Flow>(parse_flow(text)); }

// Tables put together by hand, not by the publisher: one IPv4 service, whose slots 0 to 7 are
// prod's and 8 to 15 the canary's, under the key 00 01 02 … 0f. Hashes, slots and ranks below are
// from an independent SipHash in Python.
class ExplainTest : public testing::Test {
 protected:
  ExplainTest() {
    place_service(4, 0x0a7100cb, 0, 443, 6, 0);
    struct service_info& info = tables_.view()->service_info[2];
    std::strcpy(info.name, "web");
    info.port_protocol_family = __builtin_bswap16(443) | 6u << 16 | 4u << 24;
    info.vip.low = 0x0a7100cb;
    info.slots = kWebSlots;
    info.slot_base = kSlotBase;
    info.pools = 2;
    std::strcpy(info.pool[0].name, "prod");
    info.pool[0].slots = 8;
    std::strcpy(info.pool[1].name, "canary");
    info.pool[1].share_ppm = 500000;
    info.pool[1].slots = 8;
    for (uint32_t slot = 0; slot < kWebSlots; slot++)
      tables_.view()->slots[kSlotBase + slot] =
          slot_settled(slot < 8 ? kProdBackend : kCanaryBackend);
    add_backend(kProdBackend, 0, 1);
    add_backend(kCanaryBackend, 1, 2);
    tables_.view()->interfaces[0].ifindex = kIfindex;
    std::strcpy(tables_.view()->interfaces[0].name, "veth0");
  }

  void place(const struct service_key& key, uint16_t service, uint8_t source_bits) {
    struct service_entry& entry = tables_.view()->services[service_home(&key)];
    entry.port_protocol_family = key.port_protocol_family;
    entry.vip = key.vip;
    entry.hash_key[0] = 0x0706050403020100;
    entry.hash_key[1] = 0x0f0e0d0c0b0a0908;
    entry.slot_base = kSlotBase;
    entry.slot_mask = kWebSlots - 1;
    entry.service = service;
    entry.source_bits = source_bits;
  }

  void place_service(uint32_t family, uint64_t low, uint64_t high, uint16_t port, uint32_t protocol,
                     uint8_t source_bits) {
    place({{low, high}, __builtin_bswap16(port) | protocol << 16 | family << 24}, 2, source_bits);
    place({{low, high}, family << 24}, 0, 0);
  }

  void add_backend(uint16_t number, uint8_t pool, uint8_t last_byte) {
    struct backend& backend = tables_.view()->backends[number];
    const uint8_t address[4] = {10, 0, pool, last_byte};
    std::memcpy(backend.address, address, sizeof address);
    backend.service = 2;
    backend.pool = pool;
    backend.family = 4;
    backend.weight = 1;
    backend.ifindex = kIfindex;
    backend.mtu = 1500;
    backend.next_hop.part = {{2, 0, 0, 0, 0, last_byte}, BACKEND_READY, FORWARD_IPIP};
  }

  json explain(const std::string& flow, NextHopSource next_hops = NextHopSource::from_tables) {
    return explain_json(*tables_.view(), flow_of(flow), next_hops);
  }

  Tables tables_ = Tables::create_private(1, 0);
};

constexpr const char* kWeb = "198.51.100.7:40000 > 203.0.113.10:443/tcp";

TEST_F(ExplainTest, ShowsEveryStage) {
  const json answer = explain(kWeb);
  EXPECT_EQ(answer["service"]["name"], "web");
  EXPECT_EQ(answer["hash"], "0x017539a5ea1b637a");
  EXPECT_EQ(answer["slot"]["number"], 10);
  EXPECT_EQ(answer["slot"]["index"], kSlotBase + 10);
  EXPECT_EQ(answer["rank"], 8);
  EXPECT_EQ(answer["pool"]["name"], "canary");
  EXPECT_EQ(answer["backend"]["number"], kCanaryBackend);
  EXPECT_EQ(answer["backend"]["address"], "10.0.1.2");
  EXPECT_EQ(answer["next_hop"]["mac"], "02:00:00:00:00:02");
  EXPECT_EQ(answer["next_hop"]["interface"], "veth0");
  EXPECT_EQ(answer["verdict"]["name"], "forwarded_ipip");
  EXPECT_EQ(answer["verdict"]["assumed"], false);
}

TEST_F(ExplainTest, HashesIpv6AndUdp) {
  // 2001:db8::10 as it stands on the wire.
  place_service(6, 0x00000000b80d0120, 0x1000000000000000, 443, 17, 0);
  const json answer = explain("[2001:db8::7]:40000 > [2001:db8::10]:443/udp");
  EXPECT_EQ(answer["hash"], "0x00dba23099fdd45b");
  EXPECT_EQ(answer["slot"]["number"], 11);
  EXPECT_EQ(answer["rank"], 4);
  EXPECT_EQ(answer["pool"]["name"], "canary");
}

TEST_F(ExplainTest, HashesSourcePrefixesAlone) {
  place_service(4, 0x0a7100cb, 0, 443, 6, 24);
  const json answer = explain(kWeb);
  EXPECT_EQ(answer["hash"], "0xeadee8883ffb4165");
  EXPECT_EQ(answer["slot"]["number"], 5);
  EXPECT_EQ(answer["rank"], 10);
  EXPECT_EQ(explain("198.51.100.99:1 > 203.0.113.10:443/tcp")["hash"], answer["hash"]);
}

TEST_F(ExplainTest, AnUnresolvedBackendIsAVerdict) {
  tables_.view()->backends[kCanaryBackend].next_hop.part.state = BACKEND_UNRESOLVED;
  EXPECT_EQ(explain(kWeb)["verdict"]["name"], "unresolved");
  const json assumed = explain(kWeb, NextHopSource::unknown);
  EXPECT_EQ(assumed["verdict"]["name"], "forwarded_ipip");
  EXPECT_EQ(assumed["verdict"]["assumed"], true);
  EXPECT_NE(explain_text(assumed).find("next hop   not known without a daemon"), std::string::npos);
}

TEST_F(ExplainTest, ASlotOfNobodyHasNoBackend) {
  tables_.view()->slots[kSlotBase + 10] = 0;
  const json answer = explain(kWeb);
  EXPECT_EQ(answer["verdict"]["name"], "no_backend");
  EXPECT_TRUE(answer["backend"].is_null());
  EXPECT_NE(explain_text(answer).find("backend    none"), std::string::npos);
  EXPECT_EQ(explain(kWeb, NextHopSource::unknown)["verdict"]["name"], "no_backend");
}

TEST_F(ExplainTest, ABackendBehindAnotherInterfaceIsAVerdict) {
  tables_.view()->backends[kCanaryBackend].ifindex = kIfindex + 1;
  EXPECT_EQ(explain(kWeb)["verdict"]["name"], "other_interface");
}

TEST_F(ExplainTest, OtherDestinationsAreTheKernels) {
  EXPECT_EQ(explain("198.51.100.7:1 > 203.0.113.10:80/tcp")["verdict"]["name"], "vip_no_service");
  EXPECT_EQ(explain("198.51.100.7:1 > 203.0.113.11:443/tcp")["verdict"]["name"], "not_vip");
  EXPECT_EQ(explain("127.0.0.1:1 > 203.0.113.10:443/tcp")["verdict"]["name"], "bad_source");
  const json answer = explain("198.51.100.7:1 > 203.0.113.11:443/tcp");
  EXPECT_TRUE(answer["service"].is_null());
  EXPECT_NE(explain_text(answer).find("verdict    not_vip (PASS)"), std::string::npos);
}

}  // namespace
}  // namespace belka
