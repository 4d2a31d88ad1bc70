// SPDX-License-Identifier: Apache-2.0
// The limit of echo replies against a bucket that counts, and the checksums of replies against
// plain sums.
#include "split/echo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "tests/support/bytes.h"

namespace belka {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kMillisecond = 1'000'000;

/// How many of so many requests at one moment are answered.
int answered(uint64_t& bucket, uint64_t now_ns, int requests) {
  int replies = 0;
  for (int i = 0; i < requests; i++) replies += echo_take(&bucket, now_ns);
  return replies;
}

TEST(EchoTest, AThousandAtOneMoment) {
  for (const uint64_t now : {uint64_t{1}, kSecond, uint64_t{1} << 60}) {
    uint64_t bucket = 0;
    EXPECT_EQ(answered(bucket, now, 3000), 1000) << now;
  }
}

TEST(EchoTest, OneMoreForEachMillisecond) {
  uint64_t bucket = 0;
  ASSERT_EQ(answered(bucket, kSecond, 3000), 1000);
  EXPECT_EQ(answered(bucket, kSecond + kMillisecond - 1, 5), 0);
  EXPECT_EQ(answered(bucket, kSecond + kMillisecond, 5), 1);
  EXPECT_EQ(answered(bucket, kSecond + 11 * kMillisecond, 50), 10);
  EXPECT_EQ(answered(bucket, kSecond + 511 * kMillisecond, 3000), 500);
}

TEST(EchoTest, IdleTimeIsNotSavedUp) {
  uint64_t bucket = 0;
  ASSERT_EQ(answered(bucket, kSecond, 3000), 1000);
  EXPECT_EQ(answered(bucket, 3600 * kSecond, 3000), 1000);
}

TEST(EchoTest, AThousandASecondAreAlwaysAnswered) {
  uint64_t bucket = 0;
  for (uint64_t i = 0; i < 100'000; i++) {
    ASSERT_EQ(answered(bucket, kSecond + i * kMillisecond, 1), 1) << i;
  }
}

/// The limit as it is usually written: tokens, here in millionths, that are filled up by the time
/// that has passed.
class CountingBucket {
 public:
  bool take(uint64_t now_ns) {
    millionths_ = std::min(kFull, millionths_ + (now_ns - then_ns_));
    then_ns_ = now_ns;
    if (millionths_ < kOne) return false;
    millionths_ -= kOne;
    return true;
  }

 private:
  static constexpr uint64_t kOne = 1'000'000, kFull = 1000 * kOne;  // 1,000 a second: one a ns
  uint64_t millionths_ = kFull, then_ns_ = 0;
};

TEST(EchoTest, IsTheBucketThatCounts) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; round++) {
    uint64_t bucket = 0, now = kSecond;
    CountingBucket counting;
    const uint64_t pause = uint64_t{1} << (random() % 32);
    uint64_t replies = 0;
    for (int i = 0; i < 20'000; i++) {
      now += random() % 3 == 0 ? 0 : random() % pause;
      const bool wanted = counting.take(now);
      ASSERT_EQ(echo_take(&bucket, now) != 0, wanted) << round << " " << i;
      replies += wanted;
    }
    EXPECT_LE(replies, 1000 + (now - kSecond) / kMillisecond);
  }
}

/// The one's complement sum of all words (RFC 1071), byte by byte.
uint16_t plain_sum(const uint8_t* bytes, size_t count) {
  uint32_t sum = 0;
  for (size_t i = 0; i < count; i += 2) sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

void put16(uint8_t* at, int value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

/// A request with right checksums, and these two words of data.
Bytes request(int ttl, int number, int data) {
  Bytes frame = {2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 30, 0, 0, 0, 0, 0, 1};
  frame.resize(14 + 30);
  const std::array<uint8_t, 8> addresses = {198, 51, 100, 7, 203, 0, 113, 10};
  std::ranges::copy(addresses, frame.begin() + 26);
  frame[22] = static_cast<uint8_t>(ttl);
  put16(&frame[24], 0xffff - plain_sum(&frame[14], 20));
  frame[34] = 8;
  put16(&frame[40], number);
  put16(&frame[42], data);
  put16(&frame[36], 0xffff - plain_sum(&frame[34], 10));
  return frame;
}

/// Answers it with a bucket of its own.
void answer(Bytes& frame) {
  struct packet packet;
  const auto bytes = static_cast<uint32_t>(frame.size());
  const uint8_t* end = frame.data() + bytes;
  ASSERT_EQ(parse(frame.data(), end, bytes, &packet), VERDICT_none);
  ASSERT_EQ(packet.kind, PACKET_ECHO_REQUEST);
  uint64_t bucket = 0;
  ASSERT_EQ(echo_answer(frame.data(), end, &packet, &bucket, kSecond), VERDICT_echo_replied);
}

TEST(EchoTest, RepliesHaveRightChecksums) {
  for (const int data : {0, 1, 0x0800, 0xf7ff, 0xffff}) {
    for (int number = 0; number < 65536; number++) {
      Bytes frame = request(number & 255, number, data);
      ASSERT_NO_FATAL_FAILURE(answer(frame));
      ASSERT_EQ(frame[34], 0);
      ASSERT_EQ(plain_sum(&frame[34], 10), 0xffff) << number << " " << data;
      ASSERT_EQ(plain_sum(&frame[14], 20), 0xffff) << number;
    }
  }
}

TEST(EchoTest, WrongChecksumsStayWrong) {
  const Bytes right = request(57, 0x1234, 0x5678);
  for (const size_t at : {size_t{24}, size_t{36}}) {
    for (int error = 1; error < 0xffff; error++) {  // 0xffff would be one of 0
      Bytes frame = right;
      put16(&frame[at], (right[at] << 8 | right[at + 1]) + error);
      const bool same = plain_sum(&frame[at == 24 ? 14 : 34], at == 24 ? 20 : 10) == 0xffff;
      ASSERT_NO_FATAL_FAILURE(answer(frame));
      ASSERT_EQ(plain_sum(&frame[14], 20) == 0xffff, at != 24 || same) << error;
      ASSERT_EQ(plain_sum(&frame[34], 10) == 0xffff, at != 36 || same) << error;
    }
  }
}

TEST(EchoTest, WhatIsNotAnsweredStaysAsItWas) {
  Bytes frame = request(57, 1, 2);
  const Bytes before = frame;
  struct packet packet;
  uint64_t bucket = uint64_t{1} << 62;
  const auto bytes = static_cast<uint32_t>(frame.size());
  const uint8_t* end = frame.data() + bytes;
  ASSERT_EQ(parse(frame.data(), end, bytes, &packet), VERDICT_none);
  EXPECT_EQ(echo_answer(frame.data(), end, &packet, &bucket, kSecond), VERDICT_echo_limited);
  EXPECT_EQ(frame, before);
  EXPECT_EQ(bucket, uint64_t{1} << 62);
}

}  // namespace
}  // namespace belka
