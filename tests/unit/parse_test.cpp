// SPDX-License-Identifier: Apache-2.0
// What holds for every packet, over the frames of tests/captures: a shorter view never shows
// another flow. And for every header: the checksums that forward writes are those of a plain sum.
#include "split/parse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include "split/forward.h"
#include "tests/support/capture.h"

namespace belka {
namespace {

std::vector<Bytes> own_frames() {
  std::vector<Bytes> frames;
  for (const auto& path : captures_in("tests/captures")) {
    for (const CapturedFrame& frame : read_capture(path).frames) frames.push_back(frame.bytes);
  }
  return frames;
}

struct Parsed {
  enum verdict verdict;
  struct packet packet;
};

/// Of a frame of `frame_bytes`, of which so much is readable, in a block of exactly that size.
Parsed parse_start(const Bytes& frame, size_t readable, size_t frame_bytes) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[readable]);
  std::copy_n(frame.begin(), readable, copy.get());
  Parsed parsed{};
  parsed.verdict =
      parse(copy.get(), copy.get() + readable, static_cast<uint32_t>(frame_bytes), &parsed.packet);
  return parsed;
}

bool same_flow(const struct packet& a, const struct packet& b) {
  const size_t bytes = a.family == IPV4 ? 8 : 32;
  return a.family == b.family && a.kind == b.kind && a.ports == b.ports &&
         a.protocol == b.protocol && std::memcmp(a.address, b.address, bytes) == 0;
}

TEST(ParseTest, AFrameCutOffAnywhereHasTheSameFlowOrNone) {
  const std::vector<Bytes> frames = own_frames();
  ASSERT_GT(frames.size(), 200u);
  for (const Bytes& frame : frames) {
    const Parsed whole = parse_start(frame, frame.size(), frame.size());
    for (size_t readable = 0; readable < frame.size(); readable++) {
      const Parsed cut = parse_start(frame, readable, readable);
      const Parsed in_buffers = parse_start(frame, readable, frame.size());
      for (const Parsed& start : {cut, in_buffers}) {
        if (start.verdict != VERDICT_none) continue;
        ASSERT_EQ(whole.verdict, VERDICT_none) << readable;
        ASSERT_TRUE(same_flow(start.packet, whole.packet)) << readable;
      }
    }
  }
}

TEST(ParseTest, AFrameCutOffInsideOfItsPacketIsNeverWhole) {
  for (const Bytes& frame : own_frames()) {
    const Parsed whole = parse_start(frame, frame.size(), frame.size());
    if (whole.verdict != VERDICT_none) continue;
    const size_t packet_end = whole.packet.l3 + whole.packet.l3_bytes;
    for (size_t readable = 0; readable < packet_end; readable++) {
      ASSERT_NE(parse_start(frame, readable, readable).verdict, VERDICT_none) << readable;
    }
  }
}

/// RFC 791, as it is written there: the complement of the sum of all words, byte by byte.
uint16_t plain_checksum(const uint8_t* header, size_t bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes; i += 2) {
    if (i != 10) sum += static_cast<uint32_t>(header[i] << 8 | header[i + 1]);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint16_t checksum_in(const uint8_t* header) {
  return static_cast<uint16_t>(header[10] << 8 | header[11]);
}

TEST(ParseTest, DecrementedHeadersHaveThePlainChecksum) {
  uint8_t header[20] = {0x45, 0, 0,   40, 0,   0, 0x40, 0, 0,   6,
                        0,    0, 198, 51, 100, 7, 203,  0, 113, 10};
  struct packet packet {};
  packet.family = IPV4;
  for (int ttl = 2; ttl < 256; ttl += ttl < 4 || ttl > 250 ? 1 : 13) {
    for (int identification = 0; identification < 65536; identification++) {
      header[4] = static_cast<uint8_t>(identification >> 8);
      header[5] = static_cast<uint8_t>(identification);
      header[8] = static_cast<uint8_t>(ttl);
      const uint16_t before = plain_checksum(header, sizeof header);
      header[10] = static_cast<uint8_t>(before >> 8);
      header[11] = static_cast<uint8_t>(before);
      packet.hop_limit = header[8];
      forward_decrement_hop_limit(header, &packet);
      ASSERT_EQ(header[8], ttl - 1);
      ASSERT_EQ(checksum_in(header), plain_checksum(header, sizeof header))
          << ttl << " " << identification;
    }
  }
}

TEST(ParseTest, OuterHeadersHaveThePlainChecksum) {
  std::mt19937 random(1);
  for (int i = 0; i < 200'000; i++) {
    struct packet packet {};
    struct backend backend {};
    packet.traffic_class = static_cast<uint8_t>(random());
    packet.l3_bytes = static_cast<uint16_t>(random() % 60000);
    const bool edges = i % 4 == 0;
    for (int byte = 0; byte < 4; byte++) {
      backend.address[byte] = edges ? static_cast<uint8_t>(random() % 2 * 255) : random() & 255;
      backend.outer_source[byte] =
          edges ? static_cast<uint8_t>(random() % 2 * 255) : random() & 255;
    }
    uint8_t header[20] = {};
    forward_write_outer_ipv4(header, &packet, &backend);
    ASSERT_EQ(checksum_in(header), plain_checksum(header, sizeof header));
    ASSERT_EQ(header[2] << 8 | header[3], packet.l3_bytes + 20);
  }
}

}  // namespace
}  // namespace belka
