// SPDX-License-Identifier: Apache-2.0
// Echo replies in the planes: their limit, and their place in a burst beside what is forwarded.
#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <time.h>

#include <algorithm>

#include "dataplane/burst.h"
#include "dataplane/tables.h"
#include "tests/planes/eal.h"
#include "tests/planes/executors.h"
#include "tests/support/counts.h"
#include "tests/support/vectors.h"

namespace belka {
namespace {

constexpr size_t kRequests = 3000;
constexpr size_t kLimit = 1000;  // what README promises: at once, and in a second
constexpr uint64_t kSecond = 1'000'000'000;

uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

Vector vector_of(const std::string& name) {
  for (const Vector& vector : load_vectors()) {
    if (vector.name == name) return vector;
  }
  throw std::invalid_argument("no vector has the name " + name);
}

/// Keeps this thread on its CPU, whose row the XDP program writes.
class OnOneCpu {
 public:
  OnOneCpu() {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~OnOneCpu() { sched_setaffinity(0, sizeof before_, &before_); }
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;

 private:
  cpu_set_t before_{};
};

class EchoLimitTest : public testing::TestWithParam<std::string> {};

// Where time goes on meanwhile, that many more are answered as it has milliseconds.
TEST_P(EchoLimitTest, OfThreeThousandAThousandAreAnswered) {
  std::string reason;
  Executor* executor = belka::executor(GetParam(), &reason);
  if (!executor) GTEST_SKIP() << reason;
  const OnOneCpu on_one_cpu;
  const Vector vector = vector_of("echo_asked"), vector6 = vector_of("echo_v6_asked");
  TableWriter(executor->tables()).write(vector.tables);
  reset_counts(executor->tables());
  std::vector<Bytes> frames;
  while (frames.size() < kRequests) {
    frames.push_back(frames.size() % 2 == 0 ? vector.packet : vector6.packet);
  }
  const uint64_t begin_ns = monotonic_ns();
  const std::vector<Outcome> outcomes = executor->run(frames, {.echo = EchoBucket::as_left});
  const uint64_t passed_ms = (monotonic_ns() - begin_ns) / 1'000'000 + 1;
  for (size_t i = 0; i < kLimit; i++) ASSERT_EQ(outcomes[i].verdict, VERDICT_echo_replied) << i;
  size_t replied = 0, limited = 0;
  for (const Outcome& outcome : outcomes) {
    replied += outcome.verdict == VERDICT_echo_replied;
    limited += outcome.verdict == VERDICT_echo_limited;
  }
  EXPECT_EQ(replied + limited, kRequests);
  EXPECT_LE(replied, kLimit + (GetParam() == "xdp" ? passed_ms : 0));
  const Counts counts = read_counts(executor->tables());
  EXPECT_EQ(counts.verdict.at("echo_replied").packets, replied);
  EXPECT_EQ(counts.received, counts.verdicts());
}

INSTANTIATE_TEST_SUITE_P(All, EchoLimitTest, testing::ValuesIn(executor_names()),
                         [](const auto& test) { return test.param; });

/// Bursts of requests for echoes and of packets to be forwarded, mixed.
class EchoBurstTest : public testing::Test {
 protected:
  void SetUp() override {
    start_eal();
    pool_ = rte_pktmbuf_pool_create("echo_test", kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    request_ = vector_of("echo_asked");
    TableWriter(tables_.view()).write(request_.tables);
    // The same with TCP to port 80 of the VIP in its place.
    flow_ = request_.packet;
    flow_[23] = 6;
    std::fill(flow_.begin() + 34, flow_.end(), uint8_t{0});
    flow_[37] = 80;
  }
  void TearDown() override {
    EXPECT_EQ(rte_mempool_avail_count(pool_), kMbufs) << "packets were kept";
    rte_mempool_free(pool_);
  }

  rte_mbuf* receive(const Bytes& frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    char* data = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()));
    std::copy(frame.begin(), frame.end(), reinterpret_cast<uint8_t*>(data));
    return mbuf;
  }

  /// Splits one burst: bit i of `requests` says that packet i is one. Of what is to be sent the
  /// driver takes the first `takes`. Returns the packets that it took, by their place of arrival.
  std::vector<size_t> run(uint32_t requests, uint16_t takes) {
    std::vector<rte_mbuf*> mbufs;
    for (uint32_t i = 0; i < kBurstPackets; i++) {
      mbufs.push_back(receive(requests >> i & 1 ? request_.packet : flow_));
    }
    struct counters* row = &tables_.view()->counters[0];
    to_send_ = burst_split(*burst_, tables_.view(), row, kIngressIfindex, mbufs.data(),
                           static_cast<uint16_t>(mbufs.size()));
    const uint16_t sent = std::min(to_send_, takes);
    std::vector<size_t> places;
    const std::vector<rte_mbuf*> taken(burst_->transmit, burst_->transmit + sent);
    burst_finish(*burst_, row, sent);
    for (rte_mbuf* mbuf : taken) {
      places.push_back(static_cast<size_t>(std::ranges::find(mbufs, mbuf) - mbufs.begin()));
      rte_pktmbuf_free(mbuf);
    }
    return places;
  }

  uint64_t packets_of(const std::string& verdict) const {
    const Counts counts = read_counts(tables_.view());
    const auto found = counts.verdict.find(verdict);
    return found == counts.verdict.end() ? 0 : found->second.packets;
  }

  static constexpr uint32_t kMbufs = 255;
  rte_mempool* pool_ = nullptr;
  Tables tables_ = Tables::create_private(0, 1);
  std::unique_ptr<Burst> burst_ = std::make_unique<Burst>();
  Vector request_;
  Bytes flow_;
  uint16_t to_send_ = 0;
};

/// The places whose bits are set, then the others.
std::vector<size_t> replies_first(uint32_t requests) {
  std::vector<size_t> places;
  for (const uint32_t wanted : {1u, 0u}) {
    for (size_t i = 0; i < kBurstPackets; i++) {
      if ((requests >> i & 1) == wanted) places.push_back(i);
    }
  }
  return places;
}

TEST_F(EchoBurstTest, RepliesGoFirstAndAllInOrderOfArrival) {
  for (const uint32_t requests : {0u, 1u, 0x80000000u, 0x55555555u, 0xffff0000u, ~0u}) {
    burst_->now_ns += 10 * kSecond;
    ASSERT_EQ(run(requests, kBurstPackets), replies_first(requests)) << requests;
  }
}

// A transmit ring that takes less: each packet is counted once and freed once.
TEST_F(EchoBurstTest, CountsWhatTheTransmitRingRefuses) {
  for (uint16_t takes = 0; takes <= kBurstPackets; takes++) {
    const uint32_t requests = 0x0ff00ff0;  // 16 and 16
    reset_counts(tables_.view());
    std::vector<size_t> wanted = replies_first(requests);
    wanted.resize(takes);
    ASSERT_EQ(run(requests, takes), wanted);
    EXPECT_EQ(packets_of("echo_replied"), std::min<uint64_t>(takes, 16));
    EXPECT_EQ(packets_of("forwarded_l2"), takes < 16 ? 0u : takes - 16u);
    EXPECT_EQ(packets_of("transmit_full"), uint64_t{kBurstPackets} - takes);
    const Counts counts = read_counts(tables_.view());
    EXPECT_EQ(counts.verdicts(), uint64_t{kBurstPackets});
    // A reply is no service's.
    const uint64_t dropped = counts.dropped.empty() ? 0 : counts.dropped.at(1).packets;
    EXPECT_EQ(dropped, takes < 16 ? 16u : uint64_t{kBurstPackets} - takes);
  }
}

TEST_F(EchoBurstTest, AreLimitedAndTheRestOfTheBurstIsNot) {
  burst_->now_ns = kSecond;
  for (int i = 0; i < 100; i++) run(~0u, kBurstPackets);
  EXPECT_EQ(packets_of("echo_replied"), kLimit);
  EXPECT_EQ(packets_of("echo_limited"), 100u * kBurstPackets - kLimit);
  EXPECT_EQ(run(0x0000ffff, kBurstPackets).size(), 16u);
  EXPECT_EQ(packets_of("forwarded_l2"), 16u);
  burst_->now_ns += kSecond / 100;  // ten more
  run(~0u, kBurstPackets);
  EXPECT_EQ(to_send_, 10u);
}

}  // namespace
}  // namespace belka
