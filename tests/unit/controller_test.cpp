// SPDX-License-Identifier: Apache-2.0
#include "control/controller.h"

#include <algorithm>
#include <ctime>
#include <functional>

#include "control/cli_text.h"
#include "tests/unit/controller_fixture.h"

namespace belka {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

class ControllerTest : public ControllerFixture {
 protected:
  uint32_t slots_of(size_t pool) {
    return controller_.services().body["services"][0]["pools"][pool]["slots"];
  }
  static uint64_t now_ns() {
    struct timespec now {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  }
  // Of the one interface, whose place is 1.
  void beat(uint32_t queue, uint64_t beat_ns) {
    tables_.view()->heartbeats[1 * QUEUES + queue].beat_ns = beat_ns;
  }
};

TEST_F(ControllerTest, ApplyPublishesAndPersists) {
  const Answer answer = controller_.apply(web_yaml(), "web.yaml");
  EXPECT_THAT(answer.errors, ElementsAre());
  EXPECT_EQ(answer.body["generation"], publisher_.generation());
  EXPECT_EQ(slots_of(1), 256u);
  EXPECT_EQ(slots_of(2), 256u);
  ASSERT_EQ(persisted_.size(), 1u);
  EXPECT_EQ(persisted_[0], publisher_.in_force());
}

TEST_F(ControllerTest, AnErrorShowsAllAndChangesNothing) {
  controller_.apply(web_yaml(), "web.yaml");
  const uint64_t generation = publisher_.generation();
  const Answer answer = controller_.apply(
      "services:\n  - name: web\n    vip: nowhere\n    port: 70000\n    protocol: tcp\n",
      "bad.yaml");
  EXPECT_EQ(answer.fault, Fault::invalid);
  EXPECT_GE(answer.errors.size(), 3u);
  EXPECT_THAT(answer.errors[0], HasSubstr("bad.yaml:"));
  EXPECT_EQ(publisher_.generation(), generation);
  EXPECT_EQ(persisted_.size(), 1u);
}

TEST_F(ControllerTest, PlanChangesNothing) {
  controller_.apply(web_yaml("25%"), "web.yaml");
  const uint64_t generation = publisher_.generation();
  const Answer answer = controller_.plan(web_yaml("50%"), "web.yaml", Pace::now);
  EXPECT_EQ(answer.fault, Fault::none);
  EXPECT_EQ(answer.body["plan"]["services"][0]["slots_moved"], 512);
  EXPECT_EQ(answer.body["generation"], generation);
  EXPECT_EQ(slots_of(1), 256u);
}

TEST_F(ControllerTest, SplitChangesTheSharesAndAnswersWhatIsInForce) {
  controller_.apply(web_yaml(), "web.yaml");
  const Answer answer = controller_.split("web", {"canary=10%", "baseline=5%"});
  ASSERT_EQ(answer.fault, Fault::none);
  EXPECT_EQ(answer.body["service"]["pools"][1]["slots"], 102);
  EXPECT_EQ(answer.body["service"]["pools"][2]["slots"], 51);
  EXPECT_EQ(slots_of(1), 102u);
  EXPECT_EQ(persisted_.back().services[0].pools[1].share_ppm, 100000u);
}

TEST_F(ControllerTest, OnlyTheSlotsOfTheServicesThatChangeAreSaidToBeHeld) {
  std::string both = web_yaml();
  std::string api = web_yaml("25%", "api");
  api = api.substr(api.find("  - name"));
  api.replace(api.find("443"), 3, "444");
  ASSERT_THAT(controller_.apply(both + api, "web.yaml").errors, ElementsAre());
  const auto held = [&](const char* service, const char* share, Pace pace) {
    return controller_.split(service, {share}, {.pace = pace}).body["held_slots"].get<uint64_t>();
  };
  EXPECT_EQ(held("api", "canary=50%", Pace::gentle), 512u);
  EXPECT_EQ(held("web", "canary=50%", Pace::now), 0u);
  EXPECT_EQ(publisher_.held_slots(), 512u);
  EXPECT_EQ(publisher_.held_slots("nobody"), 0u);
}

TEST_F(ControllerTest, SplitNamesWhatThereIs) {
  controller_.apply(web_yaml(), "web.yaml");
  const Answer service = controller_.split("wbe", {"canary=10%"});
  EXPECT_EQ(service.fault, Fault::not_found);
  EXPECT_THAT(service.errors, ElementsAre("no service wbe; there are web"));
  const Answer pool = controller_.split("web", {"cannary=10%"});
  EXPECT_EQ(pool.fault, Fault::invalid);
  EXPECT_THAT(pool.errors, ElementsAre(HasSubstr("canary, baseline")));
}

TEST_F(ControllerTest, SplitRefusesAShareThatRoundsToNothing) {
  controller_.apply(web_yaml(), "web.yaml");
  const Answer answer = controller_.split("web", {"canary=0.01%", "baseline=0"});
  EXPECT_EQ(answer.fault, Fault::invalid);
  ASSERT_EQ(answer.errors.size(), 1u);
  EXPECT_THAT(answer.errors[0], HasSubstr("slots: 16384"));
  EXPECT_EQ(slots_of(1), 256u);
}

TEST_F(ControllerTest, AnotherSeedFileIsAConflict) {
  const Answer answer = controller_.apply("seed_file: /other\nservices: []\n", "web.yaml");
  EXPECT_EQ(answer.fault, Fault::conflict);
  EXPECT_THAT(answer.errors, ElementsAre(HasSubstr("found /other")));
}

TEST_F(ControllerTest, AnotherTickIsAConflictThatNamesTheFile) {
  const std::string yaml = "seed_file: /tmp/of-the-test\ntick: 2s\nservices: []\n";
  for (const Answer& answer :
       {controller_.apply(yaml, "web.yaml"), controller_.plan(yaml, "web.yaml", Pace::now)}) {
    EXPECT_EQ(answer.fault, Fault::conflict);
    EXPECT_THAT(answer.errors, ElementsAre(HasSubstr("web.yaml: tick: found 2s, this belkad runs "
                                                     "with 28125ms; ")));
  }
}

TEST_F(ControllerTest, ADrainLimitIsOfASecondToAMonth) {
  controller_.apply(web_yaml(), "web.yaml");
  constexpr uint64_t kMost = 2'592'000'000;
  for (const uint64_t limit_ms : {uint64_t{0}, uint64_t{1'000}, kMost})
    EXPECT_EQ(controller_.drain_limit("web", limit_ms).fault, Fault::none) << limit_ms;
  for (const uint64_t limit_ms : {uint64_t{1}, uint64_t{999}, kMost + 1, UINT64_MAX}) {
    const Answer answer = controller_.drain_limit("web", limit_ms);
    EXPECT_EQ(answer.fault, Fault::invalid);
    EXPECT_THAT(answer.errors, ElementsAre(HasSubstr("from 1000 ms to 2592000000 ms, 30 days")));
  }
}

TEST_F(ControllerTest, WhatCannotBeKeptIsNotPublished) {
  persist_fault_ = "cannot write applied.yaml: the disk is full";
  const Answer answer = controller_.apply(web_yaml(), "web.yaml");
  EXPECT_EQ(answer.fault, Fault::failed);
  EXPECT_THAT(answer.errors, ElementsAre(HasSubstr(persist_fault_ + "; nothing is changed")));
  EXPECT_TRUE(publisher_.in_force().services.empty());
}

TEST_F(ControllerTest, StatsCountFromTheChangeOfAService) {
  controller_.apply(web_yaml(), "web.yaml");
  const uint16_t backend = controller_.backends().body["backends"][0]["number"];
  struct counter& counter = tables_.view()->counters[0].backend[backend];
  counter.syns = 10;
  const auto observed = [&] { return controller_.stats().body["services"][0]["observed"]["syns"]; };
  EXPECT_EQ(observed(), 10);
  controller_.apply(web_yaml(), "web.yaml");
  EXPECT_EQ(observed(), 10);
  controller_.split("web", {"canary=10%"});
  EXPECT_EQ(observed(), 0);
  counter.syns = 13;
  EXPECT_EQ(observed(), 3);
}

// The log goes to standard output here.
TEST_F(ControllerTest, TheLogHasEveryChange) {
  controller_.apply(web_yaml(), "web.yaml");
  const auto logged = [&](const std::function<Answer()>& change) {
    testing::internal::CaptureStdout();
    const Answer answer = change();
    const std::string log = testing::internal::GetCapturedStdout();
    EXPECT_THAT(answer.errors, ElementsAre());
    EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1) << log;
    return log;
  };
  const auto backend = [&](const char* verb, Pace pace) {
    return logged([&] {
      return controller_.set_backend(
          {.address = "10.0.1.1", .verb = verb, .service = "", .pace = pace});
    });
  };
  EXPECT_THAT(logged([&] { return controller_.split("web", {"canary=10%"}); }),
              HasSubstr("generation 2: service web: changed;"));
  EXPECT_THAT(backend("drain", Pace::gentle),
              HasSubstr("generation 3, gentle: backend 10.0.1.1 drained in web\n"));
  EXPECT_THAT(backend("disable", Pace::now), HasSubstr("backend 10.0.1.1 disabled in web\n"));
  EXPECT_THAT(backend("undrain", Pace::now), HasSubstr("backend 10.0.1.1 undrained in web\n"));
  EXPECT_THAT(logged([&] { return controller_.drain_limit("web", 600'000); }),
              HasSubstr("service web: connections elsewhere are kept for at most 600s\n"));
  EXPECT_THAT(logged([&] { return controller_.drain_limit("web", 0); }),
              HasSubstr("service web: connections elsewhere are kept while they live\n"));
  EXPECT_THAT(logged([&] { return controller_.release("web"); }),
              HasSubstr("service web: gave up 0 connections, kept elsewhere until now\n"));
}

// On tables whose canary has a share, but has lost its backend.
TEST_F(ControllerTest, ABackendWhoseChangeIsRefusedStaysAsItWas) {
  controller_.apply(web_yaml(), "web.yaml");
  for (const BackendRef& backend : publisher_.backends())
    if (backend.pool == "canary") tables_.view()->backends[backend.number].draining = 1;
  Publisher next(tables_, Seed{});
  Controller controller(tables_, next, source_, [](const Config&, const Seed&) {});
  for (const char* verb : {"drain", "disable"}) {
    const Answer answer = controller.set_backend({.address = "10.0.1.1", .verb = verb});
    EXPECT_EQ(answer.fault, Fault::conflict);
    EXPECT_THAT(answer.errors, ElementsAre(HasSubstr("no backend of a weight above 0")));
    for (const BackendRef& backend : next.backends())
      EXPECT_EQ(backend.admin, BACKEND_ENABLED) << backend.address.text();
  }
}

// It is of a clock that is ahead by hours, as a data plane's of another time namespace.
TEST_F(ControllerTest, AHeartbeatFromTheFutureIsStale) {
  beat(0, now_ns() + 7'200'000'000'000);
  const json body = controller_.status().body;
  EXPECT_EQ(body["interfaces"][0]["queues"][0]["heartbeat"], "stale");
  EXPECT_EQ(body["interfaces"][0]["queues"][0]["plane"], "xdp");
  EXPECT_THAT(status_text(body), ContainsRegex("stale, 7[12][0-9]+\\.[0-9] ms ahead"));
}

TEST_F(ControllerTest, StatusShowsPlanesAndWhatIsUnresolved) {
  controller_.apply(web_yaml(), "web.yaml");
  beat(1, now_ns());
  const json body = controller_.status().body;
  EXPECT_EQ(body["interfaces"][0]["mode"], "native");
  EXPECT_EQ(body["interfaces"][0]["queues"][0]["heartbeat"], "none");
  EXPECT_EQ(body["interfaces"][0]["queues"][0]["plane"], "xdp");
  EXPECT_EQ(body["interfaces"][0]["queues"][1]["heartbeat"], "fresh");
  EXPECT_EQ(body["interfaces"][0]["queues"][1]["plane"], "dpdk");
  ASSERT_EQ(body["unresolved"].size(), 4u);
  EXPECT_EQ(body["unresolved"][0]["reason"], "no route to it");
  const std::string text = status_text(body);
  EXPECT_THAT(text, HasSubstr("applied 1970-01-02T00:00:00Z"));
  EXPECT_THAT(text, HasSubstr("veth0      native      0  none           xdp"));
}

TEST_F(ControllerTest, ExplainFollowsTheSplit) {
  controller_.apply(web_yaml(), "web.yaml");
  const json body = controller_.explain("198.51.100.7:40000 > 203.0.113.10:443/tcp").body;
  EXPECT_EQ(body["service"]["name"], "web");
  EXPECT_EQ(body["verdict"]["name"], "unresolved");
  EXPECT_EQ(controller_.explain("nonsense").fault, Fault::invalid);
}

}  // namespace
}  // namespace belka
