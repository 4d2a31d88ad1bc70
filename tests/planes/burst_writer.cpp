// SPDX-License-Identifier: Apache-2.0
#include "tests/planes/burst_writer.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <memory>

#include "tests/planes/stumbling_burst.h"

namespace belka {
namespace {

constexpr uint16_t kInterface = 1;
constexpr uint16_t kHeadroomBytes = 128;
constexpr uint16_t kBufferBytes = 512;

struct alignas(64) Packet {
  rte_mbuf mbuf;
  uint8_t buffer[kBufferBytes];
};

class Lcore {
 public:
  Lcore(const struct tables* tables, struct counters* row) : tables_(tables), row_(row) {}

  void send(std::span<RacePacket> packets) {
    while (!packets.empty()) {
      const size_t count = std::min<size_t>(packets.size(), kBurstPackets);
      send_burst(packets.first(count));
      packets = packets.subspan(count);
    }
  }

 private:
  rte_mbuf* receive(const RacePacket& from, Packet& packet) {
    const Bytes& frame = from.connection->frame;
    packet.mbuf = {};
    packet.mbuf.buf_addr = packet.buffer;
    packet.mbuf.buf_len = kBufferBytes;
    packet.mbuf.data_off = kHeadroomBytes;
    packet.mbuf.data_len = static_cast<uint16_t>(frame.size());
    packet.mbuf.pkt_len = packet.mbuf.data_len;
    packet.mbuf.nb_segs = 1;
    rte_mbuf_refcnt_set(&packet.mbuf, 2);  // whoever frees it does not free it wholly
    std::ranges::copy(frame, packet.buffer + kHeadroomBytes);
    packet.buffer[kHeadroomBytes + kRaceFlagsAt] = from.tcp_flags;
    return &packet.mbuf;
  }

  void send_burst(std::span<RacePacket> packets) {
    rte_mbuf* mbufs[kBurstPackets] = {};
    for (size_t i = 0; i < packets.size(); i++) mbufs[i] = receive(packets[i], packets_[i]);
    const uint16_t sent = stumbling_burst_split(burst_, tables_, row_, kInterface, mbufs,
                                                static_cast<uint16_t>(packets.size()));
    for (RacePacket& packet : packets) packet.backend = 0;
    for (uint16_t i = 0; i < sent; i++) {
      rte_mbuf* mbuf = burst_.transmit[i];
      const auto place = static_cast<size_t>(reinterpret_cast<Packet*>(mbuf) - packets_);
      packets[place].backend = rte_pktmbuf_mtod(mbuf, const uint8_t*)[kRaceAnswerAt];
    }
    stumbling_burst_finish(burst_, row_, sent);
  }

  const struct tables* tables_;
  struct counters* row_;
  Burst burst_{};
  Packet packets_[kBurstPackets];
};

}  // namespace

RaceWriter burst_race_writer(const struct tables* tables, struct counters* row) {
  const auto lcore = std::make_shared<Lcore>(tables, row);
  return [lcore](std::span<RacePacket> packets) { lcore->send(packets); };
}

}  // namespace belka
