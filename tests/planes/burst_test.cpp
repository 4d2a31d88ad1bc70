// SPDX-License-Identifier: Apache-2.0
// A burst is its packets one by one: the same verdicts, bytes and counters, in any mixture and
// size; and no packet is lost or kept.
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <map>
#include <random>
#include <span>

#include "dataplane/burst_line.h"
#include "dataplane/tables.h"
#include "tests/planes/eal.h"
#include "tests/support/counts.h"
#include "tests/support/executor.h"
#include "tests/support/moving_slots.h"
#include "tests/support/table_writer.h"

namespace belka {
namespace {

using Random = std::mt19937;

constexpr uint32_t kPoolMbufs = 255;

/// Every kind of backend that a packet can meet, and services of both families and hash modes.
TableSpec mixed_tables() {
  const auto backend = [](uint16_t number, const char* address, enum forward_mode mode) {
    BackendSpec spec;
    spec.number = number;
    spec.address = address;
    spec.mac = {2, 0, 0, 0, 1, static_cast<uint8_t>(number)};
    spec.mode = mode;
    spec.mtu = 1500;
    spec.outer_source =
        std::string(address).find(':') == std::string::npos ? "192.0.2.1" : "2001:db8::1";
    return spec;
  };
  TableSpec spec;
  spec.backends = {
      backend(1, "10.0.0.1", FORWARD_L2),      backend(2, "10.0.0.2", FORWARD_IPIP),
      backend(3, "2001:db8:1::3", FORWARD_L2), backend(4, "2001:db8:1::4", FORWARD_IPIP),
      backend(5, "10.0.0.5", FORWARD_IPIP),    backend(6, "10.0.0.6", FORWARD_L2),
      backend(7, "10.0.0.7", FORWARD_L2)};
  spec.backends[4].state = BACKEND_UNRESOLVED;
  spec.backends[5].ifindex = kIngressIfindex + 1;
  spec.backends[6].mtu = 60;
  const std::vector<uint16_t> ipv4 = {1, 2, 1, 2, 1, 2, 5, 6, 7, 0};
  const std::vector<uint16_t> ipv6 = {3, 4, 3, 4, 3, 4, 0};
  spec.services = {
      {.vip = "203.0.113.1", .port = 80, .protocol = 6, .slots = 256, .ring = ipv4},
      {.vip = "203.0.113.2", .port = 0, .protocol = 17, .slots = 64, .ring = ipv4},
      {.vip = "203.0.113.3",
       .port = 80,
       .protocol = 6,
       .source_bits = 24,
       .slots = 64,
       .ring = ipv4},
      {.vip = "2001:db8::1", .port = 80, .protocol = 6, .slots = 256, .ring = ipv6},
      {.vip = "2001:db8::2",
       .port = 80,
       .protocol = 6,
       .source_bits = 56,
       .slots = 64,
       .ring = ipv6},
  };
  return spec;
}

void put16(Bytes& frame, size_t at, uint32_t value) {
  frame[at] = static_cast<uint8_t>(value >> 8);
  frame[at + 1] = static_cast<uint8_t>(value);
}

/// Ethernet, perhaps a tag, then room for `rest` bytes. Returns where they begin.
size_t begin_frame(Bytes& frame, Random& random, uint32_t type, size_t rest) {
  const size_t tag = random() % 4 == 0 ? 4 : 0;
  frame.assign(14 + tag + rest, 0);
  for (size_t i = 0; i < 12; i++) frame[i] = static_cast<uint8_t>(2 * i);
  if (tag != 0) put16(frame, 12, 0x8100);
  put16(frame, 12 + tag, type);
  return 14 + tag;
}

void put_transport(Bytes& frame, size_t at, Random& random, uint32_t port) {
  const uint32_t ports = random() % 2 == 0 ? 8 : 60000;  // few: connections with several packets
  put16(frame, at, 1024 + random() % ports);
  put16(frame, at + 2, port);
  frame[at + 12] = 0x50;
  constexpr uint8_t kFlags[] = {TCP_SYN, TCP_SYN, TCP_SYN, TCP_ACK, TCP_ACK,
                                TCP_ACK, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN | TCP_ACK};
  frame[at + 13] = kFlags[random() % std::size(kFlags)];
}

Bytes ipv4_frame(Random& random) {
  Bytes frame;
  const uint32_t payload = random() % 30;
  const size_t ip = begin_frame(frame, random, 0x0800, 40 + payload);
  frame[ip] = 0x45;
  put16(frame, ip + 2, 40 + payload);
  frame[ip + 8] = static_cast<uint8_t>(random() % 8 == 0 ? 1 : 64);
  frame[ip + 9] = random() % 3 == 0 ? 17 : 6;
  const uint8_t addresses[] = {198, 51, 100, static_cast<uint8_t>(1 + random() % 250),
                               203, 0,  113, static_cast<uint8_t>(1 + random() % 4)};
  std::copy(std::begin(addresses), std::end(addresses), frame.begin() + ip + 12);
  put_transport(frame, ip + 20, random, random() % 8 == 0 ? 81 : 80);
  return frame;
}

Bytes ipv6_frame(Random& random) {
  Bytes frame;
  const uint32_t payload = random() % 30;
  const size_t ip = begin_frame(frame, random, 0x86dd, 60 + payload);
  frame[ip] = 0x60;
  put16(frame, ip + 4, 20 + payload);
  frame[ip + 6] = 6;
  frame[ip + 7] = static_cast<uint8_t>(random() % 8 == 0 ? 1 : 64);
  for (const size_t address : {ip + 8, ip + 24}) {
    put16(frame, address, 0x2001);
    put16(frame, address + 2, 0x0db8);
  }
  put16(frame, ip + 8 + 4, 0xffff);
  put16(frame, ip + 8 + 14, random());
  frame[ip + 24 + 15] = static_cast<uint8_t>(1 + random() % 3);
  put_transport(frame, ip + 40, random, 80);
  return frame;
}

Bytes random_frame(Random& random) {
  switch (random() % 8) {
    case 0: {
      Bytes frame;
      begin_frame(frame, random, 0x0806, 46);
      return frame;
    }
    case 1:
    case 2:
    case 3:
      return ipv6_frame(random);
    default:
      return ipv4_frame(random);
  }
}

class BurstTest : public testing::Test {
 protected:
  void SetUp() override {
    start_eal();
    pool_ = rte_pktmbuf_pool_create("burst_test", kPoolMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                    SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    TableWriter(tables()).write(mixed_tables());
    TableWriter(native_->tables()).write(mixed_tables());
  }
  void TearDown() override {
    EXPECT_EQ(rte_mempool_avail_count(pool_), kPoolMbufs) << "packets were kept";
    rte_mempool_free(pool_);
  }

  const struct tables* tables() const { return tables_.view(); }

  rte_mbuf* receive(const Bytes& frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    char* data = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()));
    std::copy(frame.begin(), frame.end(), reinterpret_cast<uint8_t*>(data));
    return mbuf;
  }

  /// Splits the frames as one burst, of which the driver takes the first `takes`. Returns what it
  /// took.
  std::vector<Bytes> run(const std::vector<Bytes>& frames, uint16_t takes = kBurstPackets) {
    std::vector<rte_mbuf*> mbufs;
    for (const Bytes& frame : frames) mbufs.push_back(receive(frame));
    const uint16_t to_send = burst_split(*burst_, tables(), &tables()->counters[0], kIngressIfindex,
                                         mbufs.data(), static_cast<uint16_t>(mbufs.size()));
    const uint16_t sent = std::min(to_send, takes);
    std::vector<Bytes> out;
    take(*burst_, sent, out);
    burst_finish(*burst_, &tables()->counters[0], sent);
    return out;
  }

  /// As a driver takes the first `count` of those to be sent.
  static void take(const Burst& burst, uint16_t count, std::vector<Bytes>& out) {
    for (rte_mbuf* mbuf : std::span(burst.transmit, count)) {
      const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
      out.emplace_back(data, data + mbuf->data_len);
      rte_pktmbuf_free(mbuf);
    }
  }

  /// What the packets one by one send, in their order.
  std::vector<Bytes> run_native(const std::vector<Bytes>& frames) {
    std::vector<Bytes> out;
    for (const Bytes& frame : frames) {
      const Outcome outcome = native_->run_one(frame);
      if (action_of(outcome.verdict) == ACTION_TX) out.push_back(outcome.frame);
    }
    return out;
  }

  rte_mempool* pool_ = nullptr;
  Tables tables_ = Tables::create_private(0, 1);
  std::unique_ptr<Executor> native_ = make_native_executor();
  std::unique_ptr<Burst> burst_ = std::make_unique<Burst>();
};

std::vector<Bytes> random_frames(Random& random, size_t count) {
  std::vector<Bytes> frames;
  while (frames.size() < count) frames.push_back(random_frame(random));
  return frames;
}

TEST_F(BurstTest, IsItsPacketsOneByOne) {
  Random random(3);
  for (int round = 0; round < 200; round++) {
    for (size_t count = 1; count <= kBurstPackets; count++) {
      const std::vector<Bytes> frames = random_frames(random, count);
      ASSERT_EQ(run(frames), run_native(frames)) << count << " packets, round " << round;
    }
  }
  const Counts counts = read_counts(tables());
  EXPECT_EQ(counts, read_counts(native_->tables()));
  EXPECT_EQ(counts.received, counts.verdicts());
  for (const char* verdict :
       {"forwarded_l2", "forwarded_ipip", "not_ip", "not_vip", "no_backend", "vip_no_service",
        "ttl_expired", "unresolved", "other_interface", "over_mtu"}) {
    EXPECT_GT(counts.verdict.count(verdict), 0u) << verdict << " was never met";
  }
}

TEST_F(BurstTest, OfOneFamilyIsItsPacketsOneByOne) {
  Random random(4);
  for (int round = 0; round < 100; round++) {
    std::vector<Bytes> frames;
    while (frames.size() < kBurstPackets) {
      frames.push_back(round % 2 == 0 ? ipv4_frame(random) : ipv6_frame(random));
    }
    ASSERT_EQ(run(frames), run_native(frames));
  }
  EXPECT_EQ(read_counts(tables()), read_counts(native_->tables()));
}

// Also where its own packets put in the pins that others of it find.
TEST_F(BurstTest, OfMovingSlotsIsItsPacketsOneByOne) {
  const TableSpec spec = with_moving_slots(mixed_tables());
  TableWriter(tables()).write(spec);
  TableWriter(native_->tables()).write(spec);
  Random random(8);
  for (uint32_t round = 0; round < 2000; round++) {
    for (const struct tables* each : {tables(), native_->tables()}) move_on(each, spec, round / 8);
    const std::vector<Bytes> frames = random_frames(random, 1 + random() % kBurstPackets);
    ASSERT_EQ(run(frames), run_native(frames)) << "round " << round;
  }
  EXPECT_EQ(read_counts(tables()), read_counts(native_->tables()));
  const std::vector<PlacedPin> pins = read_pins(tables());
  EXPECT_GT(pins.size(), 1000u);
  EXPECT_TRUE(pins == read_pins(native_->tables()));
}

// Bursts that wait for memory, and such as do not, leave in the order in which they came; and none
// waits for longer than until the next.
TEST_F(BurstTest, InALineIsItsPacketsOneByOne) {
  const TableSpec spec = with_moving_slots(mixed_tables());
  TableWriter(tables()).write(spec);
  TableWriter(native_->tables()).write(spec);
  Random random(9);
  BurstLine<uint32_t> line(tables(), &tables()->counters[0]);
  std::vector<Bytes> out;
  uint32_t last_sent = 0, waited = 0;
  const auto transmit = [&](uint32_t source, const Burst& burst, uint16_t count) {
    EXPECT_GT(source, last_sent);
    last_sent = source;
    take(burst, count, out);
    return count;
  };
  uint32_t taken = 0;
  for (uint32_t round = 0; round < 300; round++) {
    for (const struct tables* each : {tables(), native_->tables()}) move_on(each, spec, round);
    std::vector<Bytes> expected;
    out.clear();
    for (int n = 0; n < 8; n++) {
      const std::vector<Bytes> frames = random_frames(random, 1 + random() % kBurstPackets);
      const size_t sent_before = expected.size();
      for (const Bytes& frame : run_native(frames)) expected.push_back(frame);
      std::vector<rte_mbuf*> mbufs;
      for (const Bytes& frame : frames) mbufs.push_back(receive(frame));
      line.take(++taken, kIngressIfindex, mbufs.data(), static_cast<uint16_t>(mbufs.size()),
                transmit);
      ASSERT_GE(out.size(), sent_before) << "a burst waited for more than the next";
      waited += out.size() < expected.size();
    }
    line.finish(transmit);
    ASSERT_EQ(out, expected) << "round " << round;
  }
  EXPECT_GT(waited, taken / 4);
  EXPECT_LT(waited, taken);
  EXPECT_EQ(read_counts(tables()), read_counts(native_->tables()));
  EXPECT_TRUE(read_pins(tables()) == read_pins(native_->tables()));
}

// The driver takes the first packets; each other one is counted once, as transmit_full and as a
// drop of its service, and not at its backend.
TEST_F(BurstTest, CountsWhatTheTransmitRingRefuses) {
  Random random(5);
  for (int round = 0; round < 300; round++) {
    const std::vector<Bytes> frames = random_frames(random, kBurstPackets);
    reset_counts(tables());
    const uint64_t to_send = run_native(frames).size();
    const auto takes = static_cast<uint16_t>(random() % (to_send + 1));
    ASSERT_EQ(run(frames, takes).size(), takes);
    const Counts counts = read_counts(tables());
    uint64_t of_backends = 0, dropped = 0, strangers = 0;
    for (const auto& [number, count] : counts.backend) of_backends += count.packets;
    for (const auto& [number, count] : counts.dropped) dropped += count.packets;
    for (const auto& [name, count] : counts.verdict) {
      if (action_of(verdict_of(name)) == ACTION_PASS) strangers += count.packets;
    }
    const auto full = counts.verdict.find("transmit_full");
    ASSERT_EQ(full == counts.verdict.end() ? 0 : full->second.packets, to_send - takes);
    ASSERT_EQ(of_backends, takes);
    ASSERT_EQ(of_backends + dropped + strangers, frames.size());
    ASSERT_EQ(counts.verdicts(), frames.size());
  }
}

// A long packet in several buffers: the headers are in the first, the length is of all.
TEST_F(BurstTest, SplitsAPacketOfSeveralSegments) {
  Random random(6);
  Bytes frame;
  do frame = ipv4_frame(random);
  while (run_native({frame}).empty());
  reset_counts(tables());
  rte_mbuf* mbuf = receive(frame);
  rte_mbuf* tail = receive(Bytes(400, 0xaa));
  ASSERT_EQ(rte_pktmbuf_chain(mbuf, tail), 0);
  const uint64_t bytes = mbuf->pkt_len;
  ASSERT_EQ(burst_split(*burst_, tables(), &tables()->counters[0], kIngressIfindex, &mbuf, 1), 1);
  EXPECT_EQ(rte_pktmbuf_pkt_len(mbuf) - burst_->passage[0].frame_bytes,
            rte_pktmbuf_data_len(mbuf) - frame.size());
  burst_finish(*burst_, &tables()->counters[0], 1);
  rte_pktmbuf_free(mbuf);
  EXPECT_EQ(read_counts(tables()).received_bytes, bytes);
}

TEST_F(BurstTest, RefusesWhereAnOuterHeaderHasNoRoom) {
  Random random(7);
  std::vector<Bytes> frames(kBurstPackets);
  for (Bytes& frame : frames) {
    do frame = ipv4_frame(random);
    while (native_->run_one(frame).verdict != VERDICT_forwarded_ipip);
  }
  std::vector<rte_mbuf*> mbufs;
  for (const Bytes& frame : frames) {
    mbufs.push_back(rte_pktmbuf_alloc(pool_));
    mbufs.back()->data_off = 19;
    char* data = rte_pktmbuf_append(mbufs.back(), static_cast<uint16_t>(frame.size()));
    std::copy(frame.begin(), frame.end(), reinterpret_cast<uint8_t*>(data));
  }
  EXPECT_EQ(burst_split(*burst_, tables(), &tables()->counters[0], kIngressIfindex, mbufs.data(),
                        kBurstPackets),
            0);
  burst_finish(*burst_, &tables()->counters[0], 0);
  EXPECT_EQ(read_counts(tables()).verdict.at("no_room").packets, uint64_t{kBurstPackets});
}

}  // namespace
}  // namespace belka
