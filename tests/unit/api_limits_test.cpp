// SPDX-License-Identifier: Apache-2.0
// What clients may not do to the API, and what its end does to them.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <thread>

#include "control/api.h"
#include "control/client.h"
#include "tests/unit/controller_fixture.h"
#include "tests/unit/raw_client.h"

namespace belka {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

// Longer than any of these tests may take.
constexpr Api::Limits kLong{.body = 100s, .end = 100s};

// `status` stands still in it until it is let go.
class SlowSource : public FakeSource {
 public:
  std::string instance() const override {
    begun_.set_value();
    go_on_.get_future().wait_for(60s);
    return FakeSource::instance();
  }
  bool wait_until_begun() { return begun_.get_future().wait_for(60s) == std::future_status::ready; }
  void let_go() { go_on_.set_value(); }

 private:
  mutable std::promise<void> begun_, go_on_;
};

class ApiLimitsTest : public ControllerFixture {
 protected:
  ApiLimitsTest() {
    char pattern[] = "/tmp/belka-api-XXXXXX";
    directory_ = mkdtemp(pattern);
    path_ = directory_ + "/belkad.sock";
  }
  ~ApiLimitsTest() override {
    api_.reset();
    std::filesystem::remove_all(directory_);
  }

  void serve(const Api::Limits& limits) {
    api_ = std::make_unique<Api>(controller_, path_, limits);
  }

  // A byte at a time, until the other end has enough or the test does.
  static void drip(const RawClient& client) {
    for (int i = 0; i < 3000 && client.send_text(" "); i++) std::this_thread::sleep_for(10ms);
  }

  std::string directory_, path_;
  std::unique_ptr<Api> api_;
};

std::string post(const std::string& path, const std::string& header) {
  return "POST " + path + " HTTP/1.1\r\nHost: belka\r\n" + header + "\r\n\r\n";
}

TEST_F(ApiLimitsTest, ABodyThatIsSaidToBeTooLongIsRefusedUnread) {
  serve(kLong);
  const RawClient client(path_);
  client.send_text(post("/v1/plan", "Content-Length: 16777218"));
  const std::string answer = client.receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("a body of more than 16777216 bytes"));
}

TEST_F(ApiLimitsTest, APostWithoutALengthIsRefusedAtOnce) {
  serve(kLong);
  const RawClient client(path_);
  client.send_text("POST /v1/services/web/release HTTP/1.1\r\nHost: belka\r\n\r\n");
  const std::string answer = client.receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 411 "));
  EXPECT_THAT(answer, HasSubstr("a POST without a Content-Length"));
}

TEST_F(ApiLimitsTest, WhoAsksBeforeSendingIsToldAtOnce) {
  serve(kLong);
  const RawClient longer(path_);
  longer.send_text(
      post("/v1/plan", "Expect: 100-continue\r\nContent-Length: 99999999999999999999"));
  EXPECT_THAT(longer.receive(), StartsWith("HTTP/1.1 413 "));
  const RawClient whole(path_);
  whole.send_text(post("/v1/plan", "Expect: 100-continue\r\nContent-Length: 1"));
  whole.send_text("5");
  const std::string answer = whole.receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 100 "));
  EXPECT_THAT(answer, HasSubstr("body:1"));
}

TEST_F(ApiLimitsTest, ABodyOfUnsaidLengthEndsAtTheLimit) {
  serve(kLong);
  const RawClient client(path_);
  client.send_text(post("/v1/plan", "Transfer-Encoding: chunked"));
  const std::string piece = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  size_t sent = 0;
  while (sent < 2 * kMaxConfigBytes && client.send_text(piece)) sent += 0x10000;
  EXPECT_LT(sent, 2 * kMaxConfigBytes);
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ApiLimitsTest, ABodyThatDripsIsRefusedWhenItsTimeIsOver) {
  serve({.body = 200ms, .end = 100s});
  const RawClient client(path_);
  client.send_text(post("/v1/plan", "Content-Length: 1000000"));
  std::thread dripping([&] { drip(client); });
  const std::string answer = client.receive();
  dripping.join();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(answer, HasSubstr("longer than 0.2 seconds"));
}

TEST_F(ApiLimitsTest, ABodyInMalformedChunksIsABadRequest) {
  serve(kLong);
  const RawClient client(path_);
  client.send_text(post("/v1/plan", "Transfer-Encoding: chunked") + "no length\r\n");
  const std::string answer = client.receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer, HasSubstr("malformed"));
}

TEST_F(ApiLimitsTest, NobodyReadsTheBodyForAPathThatIsNotThere) {
  serve(kLong);
  for (const char* path : {"/v1/nothing", "/v1/status"}) {
    const RawClient client(path_);
    client.send_text(post(path, "Content-Length: 1000"));
    EXPECT_THAT(client.receive(),
                testing::AnyOf(StartsWith("HTTP/1.1 404 "), StartsWith("HTTP/1.1 405 ")));
  }
}

TEST_F(ApiLimitsTest, WhatFollowsARefusedRequestIsNoRequest) {
  serve(kLong);
  const RawClient client(path_);
  client.send_text(post("/v1/plan", "Content-Length: 16777218") +
                   "GET /v1/status HTTP/1.1\r\nHost: belka\r\n\r\n");
  EXPECT_THAT(client.receive(), testing::Not(HasSubstr("HTTP/1.1 200 ")));
}

TEST_F(ApiLimitsTest, AnAnswerThatIsUnderWayArrivesBeforeTheEnd) {
  SlowSource source;
  Controller controller(tables_, publisher_, source, [](const Config&, const Seed&) {});
  api_ = std::make_unique<Api>(controller, path_, kLong);
  auto answer = std::async(std::launch::async, [&] { return Client(path_).get("/v1/status"); });
  ASSERT_TRUE(source.wait_until_begun());
  auto ended = std::async(std::launch::async, [&] { api_.reset(); });
  while (RawClient(path_).connected()) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(50ms);  // for an end that would cut it off
  source.let_go();
  ASSERT_EQ(ended.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(answer.get().status, 200);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ApiLimitsTest, AClientThatDripsHoldsTheEndUpNoLongerThanItMay) {
  serve({.body = 100s, .end = 100ms});
  const RawClient client(path_);
  client.send_text(post("/v1/plan", "Expect: 100-continue\r\nContent-Length: 1000000"));
  ASSERT_THAT(client.receive_some(), StartsWith("HTTP/1.1 100 "));
  std::thread dripping([&] { drip(client); });
  const auto begin = Clock::now();
  api_.reset();
  EXPECT_LT(Clock::now() - begin, 20s);  // a body may take 100 s
  dripping.join();
}

}  // namespace
}  // namespace belka
