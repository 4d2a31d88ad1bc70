// SPDX-License-Identifier: Apache-2.0
#include "control/flow_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/table_text.h"

namespace belka {
namespace {

using testing::HasSubstr;

Flow read_flow(const std::string& text) {
  const auto parsed = parse_flow(text);
  if (const auto* error = std::get_if<std::string>(&parsed)) {
    ADD_FAILURE() << *error;
    return {};
  }
  return std::get<Flow>(parsed);
}

std::string error_of(const std::string& text) {
  const auto parsed = parse_flow(text);
  const auto* error = std::get_if<std::string>(&parsed);
  return error != nullptr ? *error : "";
}

TEST(FlowText, ReadsAddressesPortsAndProtocol) {
  const Flow flow = read_flow("198.51.100.7:40000 > 203.0.113.10:443/tcp");
  EXPECT_EQ(flow.source.text(), "198.51.100.7");
  EXPECT_EQ(flow.source_port, 40000);
  EXPECT_EQ(flow.destination.text(), "203.0.113.10");
  EXPECT_EQ(flow.destination_port, 443);
  EXPECT_EQ(flow.protocol, 6);
}

TEST(FlowText, ReadsIpv6InBrackets) {
  const Flow flow = read_flow("[2001:db8::7]:1>[2001:db8::10]:65535/udp");
  EXPECT_EQ(flow.source.text(), "2001:db8::7");
  EXPECT_EQ(flow.destination_port, 65535);
  EXPECT_EQ(flow.protocol, 17);
  EXPECT_EQ(flow_text(flow), "[2001:db8::7]:1 > [2001:db8::10]:65535/udp");
}

TEST(FlowText, SaysWhatIsWrong) {
  EXPECT_THAT(error_of("foo"), HasSubstr("found foo, which is no connection"));
  EXPECT_THAT(error_of("1.2.3.4:5 > 1.2.3.5:6"), HasSubstr("does not end in /tcp or /udp"));
  EXPECT_THAT(error_of("1.2.3.4:5 > 1.2.3.5:6/sctp"), HasSubstr("does not end in /tcp or /udp"));
  EXPECT_THAT(error_of("1.2.3.4:0 > 1.2.3.5:6/tcp"), HasSubstr("its port must be 1 to 65535"));
  EXPECT_THAT(error_of("1.2.3.4:65536 > 1.2.3.5:6/tcp"), HasSubstr("its port must be"));
  EXPECT_THAT(error_of("1.2.3.4 > 1.2.3.5:6/tcp"), HasSubstr("as the source, its port must be"));
  EXPECT_THAT(error_of("1.2.3.4:5 > 1.2.3:6/tcp"), HasSubstr("as the destination"));
  EXPECT_THAT(error_of("2001:db8::1:5 > [2001:db8::2]:6/tcp"), HasSubstr("as the source"));
  EXPECT_THAT(error_of("[1.2.3.4]:5 > 1.2.3.5:6/tcp"), HasSubstr("as the source"));
  EXPECT_THAT(error_of("1.2.3.4:5 > [2001:db8::2]:6/tcp"), HasSubstr("mixes IPv4 and IPv6"));
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of(">"), "");
  EXPECT_NE(error_of(" > /tcp"), "");
}

TEST(FlowText, BuildsTheShortestFrames) {
  EXPECT_EQ(first_frame(read_flow("1.2.3.4:5 > 1.2.3.5:6/tcp")).size(), 14u + 20 + 20);
  EXPECT_EQ(first_frame(read_flow("1.2.3.4:5 > 1.2.3.5:6/udp")).size(), 14u + 20 + 8);
  EXPECT_EQ(first_frame(read_flow("[::2]:5 > [::3]:6/tcp")).size(), 14u + 40 + 20);
}

TEST(TableText, AlignsColumnsAndLeavesNoSpaceAtTheEnd) {
  TableText table({{"NAME"}, {"SLOTS", Align::right}, {"WHY"}});
  table.add({"web", "65536", ""});
  table.add({"longer", "1", "because"});
  EXPECT_EQ(table.text(),
            "NAME    SLOTS  WHY\n"
            "web     65536\n"
            "longer      1  because\n");
}

}  // namespace
}  // namespace belka
