// SPDX-License-Identifier: Apache-2.0
#include "control/address.h"

#include <gtest/gtest.h>

namespace belka {
namespace {

TEST(Address, Ipv4IsInTheFirstFourBytesInNetworkOrder) {
  const auto address = Address::parse("203.0.113.10");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->family, 4);
  EXPECT_EQ(address->bytes, (std::array<uint8_t, 16>{203, 0, 113, 10}));
  EXPECT_EQ(address->size(), 4u);
}

TEST(Address, Ipv6IsInNetworkOrder) {
  const auto address = Address::parse("2001:db8::1:f");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->family, 6);
  EXPECT_EQ(address->bytes,
            (std::array<uint8_t, 16>{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 15}));
  EXPECT_EQ(address->size(), 16u);
}

TEST(Address, EqualAddressesAreEqualHoweverTheyAreWritten) {
  EXPECT_EQ(Address::parse("2001:DB8:0:0::1"), Address::parse("2001:db8::1"));
  EXPECT_NE(Address::parse("::ffff:10.0.0.1"), Address::parse("10.0.0.1"));
  EXPECT_NE(Address::parse("0.0.0.0"), Address::parse("::"));
}

TEST(Address, TextIsCanonical) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:0"})
    EXPECT_EQ(Address::parse(text)->text(), text);
  EXPECT_EQ(Address::parse("2001:DB8:0:0:0:0:0:1")->text(), "2001:db8::1");
  EXPECT_EQ(Address{}.text(), "");
}

TEST(Address, LongestTextIsParsed) {
  EXPECT_TRUE(Address::parse("1111:2222:3333:4444:5555:6666:123.123.123.123"));
}

TEST(Address, NothingElseIsAnAddress) {
  for (const char* text :
       {"", " ", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1/32",
        "0x0a000001", "10", "localhost", "2001:db8:::1", "2001:db8::1%eth0", "2001:db8::/32",
        "[::1]", "12345::", "1:2:3:4:5:6:7:8:9", "10.0.0.1.1",
        "11111:2222:3333:4444:5555:6666:123.123.123.123"})
    EXPECT_FALSE(Address::parse(text)) << text;
  EXPECT_FALSE(Address::parse(std::string_view("10.0.0.1\0x", 10)));
}

}  // namespace
}  // namespace belka
