// SPDX-License-Identifier: Apache-2.0
#include "control/stats.h"

#include <gtest/gtest.h>

#include <cstring>

#include "control/cli_text.h"
#include "dataplane/tables.h"

namespace belka {
namespace {

using nlohmann::json;

// Service 3 with prod (backends 1 and 2) and canary (backend 7); two XDP rows, two of the data
// plane.
class StatsTest : public testing::Test {
 protected:
  StatsTest() {
    struct service_info& info = tables_.view()->service_info[3];
    std::strcpy(info.name, "web");
    info.port_protocol_family = __builtin_bswap16(443) | 6u << 16 | 4u << 24;
    info.vip.low = 0x0a7100cb;  // 203.0.113.10
    info.slots = 16;
    info.pools = 2;
    std::strcpy(info.pool[0].name, "prod");
    info.pool[0].slots = 12;
    std::strcpy(info.pool[1].name, "canary");
    info.pool[1].share_ppm = 250000;
    info.pool[1].slots = 4;
    add_backend(1, 0);
    add_backend(2, 0);
    add_backend(7, 1);
  }

  void add_backend(uint16_t number, uint8_t pool) {
    struct backend& backend = tables_.view()->backends[number];
    backend.service = 3;
    backend.pool = pool;
    backend.family = 4;
    backend.next_hop.part.state = BACKEND_READY;
  }

  void send(uint32_t row, uint16_t backend, uint64_t packets, uint64_t bytes, uint64_t syns) {
    struct counters& counters = tables_.view()->counters[row];
    counters.backend[backend].packets += packets;
    counters.backend[backend].bytes += bytes;
    counters.backend[backend].syns += syns;
    counters.verdict[VERDICT_forwarded_l2].packets += packets;
    counters.verdict[VERDICT_forwarded_l2].bytes += bytes;
    counters.received += packets;
    counters.received_bytes += bytes;
  }

  json stats(const StatsBaseline& baseline = {}) {
    return stats_json(*tables_.view(), baseline, 5'000'000'000);
  }

  Tables tables_ = Tables::create_private(2, 2);
};

TEST(ObservedShare, HasWilsonsInterval) {
  // Computed apart from this code; 10 of 100 stands in textbooks as 0.0552 to 0.1744.
  const auto tenth = observe_share(10, 100);
  ASSERT_TRUE(tenth);
  EXPECT_DOUBLE_EQ(tenth->share, 0.1);
  EXPECT_NEAR(tenth->low, 0.0552291370606751, 1e-12);
  EXPECT_NEAR(tenth->high, 0.17436566150491345, 1e-12);
}

TEST(ObservedShare, NoneAndAllAreNotCertain) {
  EXPECT_NEAR(observe_share(0, 20)->low, 0, 1e-12);
  EXPECT_NEAR(observe_share(0, 20)->high, 0.16112515805281938, 1e-12);
  EXPECT_NEAR(observe_share(20, 20)->low, 0.8388748419471806, 1e-12);
  EXPECT_NEAR(observe_share(20, 20)->high, 1, 1e-12);
}

TEST(ObservedShare, NothingObservedIsNotZero) { EXPECT_FALSE(observe_share(0, 0)); }

TEST_F(StatsTest, SumsRowsByPlane) {
  send(0, 1, 10, 1000, 1);
  send(1, 1, 5, 500, 2);
  send(2, 1, 100, 10000, 4);
  send(3, 1, 200, 20000, 8);
  const PlaneCount count = backend_count(*tables_.view(), 1);
  EXPECT_EQ(count.xdp, (Count{15, 1500, 3}));
  EXPECT_EQ(count.dpdk, (Count{300, 30000, 12}));
  EXPECT_EQ(count.sum(), (Count{315, 31500, 15}));
}

TEST_F(StatsTest, SharesAreOfTheServicesSum) {
  send(0, 1, 30, 3000, 3);
  send(2, 2, 45, 4500, 4);
  send(2, 7, 25, 17500, 1);
  const json service = stats()["services"][0];
  EXPECT_EQ(service["name"], "web");
  EXPECT_EQ(service["endpoint"], "203.0.113.10:443/tcp");
  const json prod = service["pools"][0], canary = service["pools"][1];
  EXPECT_EQ(prod["wanted_ppm"], 750000);
  EXPECT_DOUBLE_EQ(prod["in_force"], 0.75);
  EXPECT_EQ(prod["observed"]["syns"]["count"], 7);
  EXPECT_DOUBLE_EQ(prod["observed"]["packets"]["share"], 0.75);
  EXPECT_DOUBLE_EQ(canary["observed"]["bytes"]["share"], 0.7);
  EXPECT_DOUBLE_EQ(canary["observed"]["syns"]["share"], 0.125);
  EXPECT_EQ(prod["planes"]["xdp"]["packets"], 30);
  EXPECT_EQ(prod["planes"]["dpdk"]["packets"], 45);
}

TEST_F(StatsTest, APacketHandedOverCountsOnceInItsPool) {
  struct counters& xdp = tables_.view()->counters[0];
  xdp.received = 40;
  xdp.verdict[VERDICT_redirected].packets = 40;
  send(2, 7, 40, 4000, 40);
  const json answer = stats();
  EXPECT_EQ(answer["services"][0]["pools"][1]["observed"]["packets"]["count"], 40);
  EXPECT_EQ(answer["planes"][0]["verdicts"][VERDICT_redirected]["packets"], 40);
  EXPECT_EQ(answer["planes"][0]["check"], "equal");
  EXPECT_EQ(answer["planes"][1]["check"], "equal");
}

TEST_F(StatsTest, RefusedPinsAreShownForThePlaneThatHadNoPlaceForThem) {
  EXPECT_EQ(stats_text(stats()).find("pins refused"), std::string::npos);
  tables_.view()->counters[2].pins_refused = 3;
  tables_.view()->counters[3].pins_refused = 4;
  const json planes = stats()["planes"];
  EXPECT_EQ(planes[0]["pins_refused"], 0);
  EXPECT_EQ(planes[1]["pins_refused"], 7);
  EXPECT_NE(stats_text(stats()).find("7 pins refused"), std::string::npos);
}

TEST_F(StatsTest, ALostPacketIsShown) {
  send(2, 1, 10, 1000, 0);
  tables_.view()->counters[3].received = 1;
  const json plane = stats()["planes"][1];
  EXPECT_EQ(plane["received"]["packets"], 11);
  EXPECT_EQ(plane["verdicts_sum"], 10);
  EXPECT_EQ(plane["check"], "unequal");
  EXPECT_NE(stats_text(stats()).find("received 11 packets but 10 verdicts: THEY DIFFER"),
            std::string::npos);
}

TEST_F(StatsTest, CountsFromTheLastChange) {
  send(0, 1, 100, 10000, 50);
  tables_.node()->generation = 9;
  StatsBaseline baseline;
  baseline.services[3] = take_baseline(*tables_.view(), 3, 2'000'000'000);
  send(0, 1, 6, 600, 3);
  send(0, 7, 2, 200, 1);
  const json service = stats(baseline)["services"][0];
  EXPECT_EQ(service["since"]["generation"], 9);
  EXPECT_DOUBLE_EQ(service["since"]["seconds"], 3);
  EXPECT_EQ(service["pools"][0]["observed"]["syns"]["count"], 3);
  EXPECT_DOUBLE_EQ(service["pools"][1]["observed"]["syns"]["share"], 0.25);
  EXPECT_EQ(service["pools"][0]["total"]["syns"], 53);
}

TEST_F(StatsTest, NoConnectionsAreADash) {
  const std::string text = stats_text(stats());
  EXPECT_NE(text.find("canary     25%  25.0000 %      4     0       -              -"),
            std::string::npos)
      << text;
}

TEST_F(StatsTest, EveryVerdictHasItsNameAndHelp) {
  const json verdicts = stats()["planes"][0]["verdicts"];
  ASSERT_EQ(verdicts.size(), size_t{VERDICT_COUNT});
  EXPECT_EQ(verdicts[VERDICT_unresolved]["name"], "unresolved");
  EXPECT_EQ(verdicts[VERDICT_unresolved]["action"], "DROP");
  for (const json& verdict : verdicts) EXPECT_FALSE(verdict["help"].get<std::string>().empty());
}

}  // namespace
}  // namespace belka
