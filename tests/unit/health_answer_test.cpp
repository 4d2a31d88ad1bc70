// SPDX-License-Identifier: Apache-2.0
#include "control/health_answer.h"

#include <gtest/gtest.h>

#include <string>

#include "control/health_probe.h"

namespace belka {
namespace {

using Verdict = HttpAnswer::Verdict;

HealthConfig wanting(uint16_t status, const std::string& body = "") {
  return {.kind = HealthConfig::Kind::http, .path = "/", .status = status, .body = body};
}

// `passed`, the reason, or `pending`, after the text; `closed` says whether it ends there.
std::string verdict_in_pieces(const HealthConfig& config, std::string_view text, bool closed,
                              size_t piece) {
  HttpAnswer answer(config);
  auto verdict = Verdict::pending;
  for (size_t at = 0; at < text.size(); at += piece) verdict = answer.take(text.substr(at, piece));
  if (closed) verdict = answer.end();
  if (verdict == Verdict::pending) return "pending";
  return verdict == Verdict::passed ? "passed" : answer.reason();
}

std::string verdict_of(const HealthConfig& config, std::string_view text, bool closed = false) {
  const std::string whole = verdict_in_pieces(config, text, closed, text.size() + 1);
  for (const size_t piece : {1, 2, 3, 7})
    EXPECT_EQ(verdict_in_pieces(config, text, closed, piece), whole) << text;
  return whole;
}

TEST(HttpAnswer, PassesByItsStatusAlone) {
  for (const char* text : {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 204 No Content\r\n", "HTTP/1.1 302\r\n",
                           "HTTP/1.1 399 \n"})
    EXPECT_EQ(verdict_of(wanting(0), text), "passed") << text;
  EXPECT_EQ(verdict_of(wanting(0), "HTTP/1.1 200 OK\r"), "pending");
  EXPECT_EQ(verdict_of(wanting(503), "HTTP/1.1 503 Down\r\n"), "passed");
}

TEST(HttpAnswer, TellsTheStatusThatItDoesNotWant) {
  EXPECT_EQ(verdict_of(wanting(0), "HTTP/1.1 503 Service Unavailable\r\n"), "status 503");
  EXPECT_EQ(verdict_of(wanting(0), "HTTP/1.1 400\r\n"), "status 400");
  EXPECT_EQ(verdict_of(wanting(0), "HTTP/1.1 101 Switching Protocols\r\n"), "status 101");
  EXPECT_EQ(verdict_of(wanting(200), "HTTP/1.1 204 No Content\r\n"), "status 204");
  EXPECT_EQ(verdict_of(wanting(200, "ok"), "HTTP/1.1 500 x\r\n\r\nok"), "status 500");
}

TEST(HttpAnswer, LooksPastInterimAnswers) {
  const std::string interim = "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(verdict_of(wanting(0), interim), "pending");
  EXPECT_EQ(verdict_of(wanting(0), interim + interim + "HTTP/1.1 200 OK\r\n"), "passed");
  EXPECT_EQ(verdict_of(wanting(0), interim + "HTTP/1.1 500 x\r\n"), "status 500");
  EXPECT_EQ(verdict_of(wanting(0, "ok"), interim + "HTTP/1.1 200 OK\r\n\r\nok"), "passed");
}

TEST(HttpAnswer, IsOfHttp) {
  for (const char* text :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\r\n", "HTTP/2 200\r\n", "HTTP/1.1 2000\r\n", "HTTP/1.1 20\r\n",
        "HTTP/1.1 2x0 OK\r\n", "http/1.1 200 OK\r\n", "HTTP/1.1 099 x\r\n", "HTTP/1.1  200 OK\r\n"})
    EXPECT_EQ(verdict_of(wanting(0), text), "what it answers is not HTTP") << text;
}

TEST(HttpAnswer, ThatEndsTooEarlyIsNone) {
  EXPECT_EQ(verdict_of(wanting(0), "", true), "closed without an answer");
  EXPECT_EQ(verdict_of(wanting(0), "HTTP/1.1 200", true), "closed in the middle of its answer");
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 200 OK\r\nServer: x\r\n", true),
            "closed in the middle of its answer");
}

TEST(HttpAnswer, FindsTheTextInABodyOfAnyFraming) {
  for (const char* text : {
           "HTTP/1.1 200 OK\r\n\r\n{\"status\": \"ok\"}",
           "HTTP/1.1 200 OK\nServer: x\n\nok",
           "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked \r\nContent-Length: 1\r\n\r\n"
           "0A \r\n12345678ok\r\n",
       })
    EXPECT_EQ(verdict_of(wanting(0, "ok"), text), "passed") << text;
}

TEST(HttpAnswer, TellsWhenTheBodyLacksTheText) {
  const std::string lacks = "body lacks \"ok\"";
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 200 OK\r\nX: ok\r\n\r\nbad", false), "pending");
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 200 OK\r\nX: ok\r\n\r\nbad", true), lacks);
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 200 OK\r\nX: ok\r\n\r\n", true), lacks);
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbadok"),
            lacks);
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nok"), lacks);
  EXPECT_EQ(verdict_of(wanting(0, "ok"), "HTTP/1.1 204 None\r\n\r\nok"), lacks);
  EXPECT_EQ(verdict_of(wanting(0, "ok"),
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n"),
            lacks);
}

TEST(HttpAnswer, LooksAtFourKibibytesOfTheBody) {
  const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(verdict_of(wanting(0, "ok"), head + std::string(4094, 'x') + "ok"), "passed");
  EXPECT_EQ(verdict_of(wanting(0, "ok"), head + std::string(4095, 'x') + "ok"),
            "body lacks \"ok\"");
}

TEST(HttpAnswer, RefusesFramingThatIsNone) {
  for (const char* text : {"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
                           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"})
    EXPECT_EQ(verdict_of(wanting(0, "ok"), text), "what it answers is not HTTP") << text;
}

TEST(HttpAnswer, TheHeadIsBounded) {
  const std::string start = "HTTP/1.1 200 OK\r\n";
  const std::string fits = start + std::string(kMaxAnswerHead - start.size(), 'x');
  EXPECT_EQ(verdict_of(wanting(0, "ok"), fits), "pending");
  EXPECT_EQ(verdict_of(wanting(0, "ok"), fits + "x"),
            "its answer has more than 32768 bytes beside the body");
}

TEST(HttpRequest, NamesTheHostAndEnds) {
  HealthTarget target{.address = *Address::parse("10.0.0.1"), .config = wanting(0), .port = 8080};
  target.config.path = "/healthz?full=1";
  EXPECT_EQ(http_request(target),
            "GET /healthz?full=1 HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nUser-Agent: belkad-health\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n");
  const auto host = [&] {
    const std::string request = http_request(target);
    const size_t at = request.find("Host: ");
    return request.substr(at, request.find('\r', at) - at);
  };
  target.port = 80;
  EXPECT_EQ(host(), "Host: 10.0.0.1");
  target.address = *Address::parse("2001:db8::1");
  EXPECT_EQ(host(), "Host: [2001:db8::1]");
  target.port = 81;
  EXPECT_EQ(host(), "Host: [2001:db8::1]:81");
  target.config.host = "example.org";
  EXPECT_EQ(host(), "Host: example.org");
}

}  // namespace
}  // namespace belka
