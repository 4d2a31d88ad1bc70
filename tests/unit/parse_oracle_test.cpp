// SPDX-License-Identifier: Apache-2.0
// The parser against the oracle of the large corpus of captures, frame by frame. Each frame is in
// one class; those that must agree do in every field, the others are counted, and the counts are
// known.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "split/parse.h"
#include "tests/support/capture.h"
#include "tests/support/counts.h"
#include "tests/support/oracle.h"

namespace belka {
namespace {

/// The verdict of parse on a copy of exactly the frame's size.
enum verdict parse_copy(const Bytes& frame, struct packet* packet) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[frame.size()]);
  std::ranges::copy(frame, copy.get());
  return parse(copy.get(), copy.get() + frame.size(), static_cast<uint32_t>(frame.size()), packet);
}

/// The client's (0) or the service's (1) side of the flow.
std::string address_text(const struct packet& packet, int side) {
  char text[INET6_ADDRSTRLEN] = "none";
  const auto* bytes = reinterpret_cast<const uint8_t*>(packet.address);
  if (packet.family == IPV4) inet_ntop(AF_INET, bytes + 4 * side, text, sizeof text);
  if (packet.family == IPV6) inet_ntop(AF_INET6, bytes + 16 * side, text, sizeof text);
  return text;
}

uint16_t port(const struct packet& packet, int side) {
  return ntohs(static_cast<uint16_t>(packet.ports >> 16 * side));
}

/// The same address, however it was written.
std::string canonical(const std::string& text) {
  uint8_t bytes[16];
  char out[INET6_ADDRSTRLEN] = "none";
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) inet_ntop(AF_INET, bytes, out, sizeof out);
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) inet_ntop(AF_INET6, bytes, out, sizeof out);
  return out;
}

/// Whether a source is none that a packet can have, told from its text.
bool is_bad_source(const OracleRow& row) {
  if (canonical(row.source) == canonical(row.destination)) return true;
  if (row.version == 6) {
    return row.source == "::" || row.source == "::1" || row.source.starts_with("ff");
  }
  const int first = std::stoi(row.source);
  return first == 0 || first == 127 || first >= 224;
}

/// What the parser must make of the addresses and ports of a frame.
struct Expected {
  std::string source, destination;
  uint16_t source_port = 0, destination_port = 0;
};

/// A redirect is no error of a connection.
bool is_quoted_flow(const OracleRow& row) {
  return row.quoted_ports && !(row.version == 4 && row.icmp_type == 5) &&
         canonical(row.quoted_source) == canonical(row.destination);
}

Expected expected_flow(const OracleRow& row) {
  if (!is_quoted_flow(row)) {
    return {row.source, row.destination, row.source_port, row.destination_port};
  }
  return {row.quoted_destination, row.quoted_source, row.quoted_destination_port,
          row.quoted_source_port};
}

/// A whole echo request from one host to one host.
bool is_echo_request(const OracleRow& row, const Bytes& frame) {
  const bool asks = row.version == 4 ? row.l4 == "icmp" && row.icmp_type == 8
                                     : row.l4 == "icmp6" && row.icmp_type == 128;
  return asks && row.fragment != "ff" && ((frame[0] | frame[6]) & 1) == 0;
}

/// In words what differs from the oracle; empty where nothing does.
std::string difference(const OracleRow& row, const Bytes& frame, enum verdict verdict,
                       const struct packet& packet) {
  std::string text;
  const auto compare = [&](const char* what, const auto& wanted, const auto& found) {
    const std::string left = fmt::format("{}", wanted), right = fmt::format("{}", found);
    if (left != right) text += fmt::format(" {}: {} wanted, {} found;", what, left, right);
  };
  compare("IP version", row.version, +packet.family);
  if (row.version == 0) return text;
  const Expected flow = expected_flow(row);
  compare("source", canonical(flow.source), address_text(packet, 0));
  compare("destination", canonical(flow.destination), address_text(packet, 1));
  if (is_bad_source(row)) {
    compare("verdict", name_of_verdict(VERDICT_bad_source), name_of_verdict(verdict));
    return text;
  }
  if (row.version == 6 && row.extension_headers > EXTENSION_HEADERS_MAX) {
    compare("verdict", name_of_verdict(VERDICT_too_many_headers), name_of_verdict(verdict));
    return text;
  }
  if (row.version == 6) compare("headers", row.extension_headers, +packet.extension_headers);
  if (row.l4 == "frag" || row.fragment == "nf") {
    compare("verdict", name_of_verdict(VERDICT_fragment), name_of_verdict(verdict));
    return text;
  }
  compare("verdict", name_of_verdict(VERDICT_none), name_of_verdict(verdict));
  compare("first fragment", row.fragment == "ff", packet.first_fragment == 1);
  const bool quoted = is_quoted_flow(row);
  const std::string& l4 = quoted ? row.quoted_l4 : row.l4;
  if (l4 == "tcp" || l4 == "udp") {
    compare("kind", quoted ? +PACKET_ICMP_ERROR : +PACKET_FLOW, +packet.kind);
    compare("protocol", l4 == "tcp" ? 6 : 17, +packet.protocol);
    compare("source port", flow.source_port, port(packet, 0));
    compare("destination port", flow.destination_port, port(packet, 1));
  } else {
    compare("kind", is_echo_request(row, frame) ? +PACKET_ECHO_REQUEST : +PACKET_OTHER,
            +packet.kind);
  }
  compare("TCP flags", row.l4 == "tcp" ? row.tcp_flags & 0xff : 0, +packet.tcp_flags);
  return text;
}

/// The offset of the IP header. The oracle leaves out the outer tag where it is of 802.1ad.
size_t l3_offset(const Bytes& frame, const OracleRow& row) {
  const bool service_tag = frame.size() > 13 && frame[12] == 0x88 && frame[13] == 0xa8;
  return 14 + 4 * (row.tags.size() + service_tag);
}

/// Whether the IP header gives a length over the frame, or too short for its headers: what tshark
/// reads on, and Belka does not.
bool lengths_lie(const Bytes& frame, const OracleRow& row) {
  const size_t at = l3_offset(frame, row);
  const size_t header = row.version == 6 ? 40 : (frame[at] & 15) * 4;
  const size_t field = row.version == 6 ? at + 4 : at + 2;
  const size_t length = (frame[field] << 8 | frame[field + 1]) + (row.version == 6 ? 40 : 0);
  const std::string& l4 = row.l4;
  const size_t least = l4 == "tcp" ? 20 : l4 == "udp" || l4 == "icmp" || l4 == "icmp6" ? 8 : 0;
  return at + length > frame.size() || length < header + (row.version == 6 ? 0 : least) ||
         (row.version == 6 && row.extension_headers == 0 && length < header + least);
}

/// An ICMP error whose quoted packet shows no ports: itself ICMP, a fragment, or cut off before
/// them.
bool quotes_no_ports(const OracleRow& row) {
  if (row.quoted_ports) return false;
  if (row.l4 == "icmp6") return row.icmp_type >= 1 && row.icmp_type <= 4;
  return row.l4 == "icmp" &&
         (row.icmp_type == 3 || row.icmp_type == 4 || row.icmp_type == 11 || row.icmp_type == 12);
}

/// Ethernet types that carry IP, but not for us.
bool is_tunnelled(const Bytes& frame, const OracleRow& row) {
  const size_t at = l3_offset(frame, row) - 2;
  const int type = frame[at] << 8 | frame[at + 1];
  return type == 0x8847 || type == 0x8848 || type == 0x8863 || type == 0x8864;
}

/// The class of a frame. "held" ones must agree in all that the oracle says.
std::string class_of(const Capture& capture, const CapturedFrame& frame, const OracleRow& row) {
  if (!capture.ethernet) return row.agree ? "other link type" : "other link type, unusual";
  if (row.captured_bytes != row.wire_bytes) return "cut off";
  if (!row.agree) return "unusual";
  if (row.tags.size() > 2) return "three tags";
  if (row.version != 0 && is_tunnelled(frame.bytes, row)) return "PPPoE or MPLS";
  if (row.version != 0 && lengths_lie(frame.bytes, row)) return "lengths that lie";
  if (quotes_no_ports(row)) return "error that quotes no ports";
  return "held";
}

/// In words what is wrong with a frame of that class.
std::string fault(const std::string& name, const OracleRow& row, const Bytes& frame) {
  struct packet packet;
  const enum verdict verdict = parse_copy(frame, &packet);
  if (name == "held" && row.version != 0 && packet.l3 != l3_offset(frame, row)) return "tags";
  if (name == "held" || name == "other link type") return difference(row, frame, verdict, packet);
  if (name == "lengths that lie") {
    const bool refused = verdict == VERDICT_truncated || verdict == VERDICT_bad_header;
    return refused ? "" : name_of_verdict(verdict);
  }
  if (name == "error that quotes no ports") return packet.kind == PACKET_OTHER ? "" : "a flow";
  if (name == "three tags" || name == "PPPoE or MPLS") {
    return verdict == VERDICT_not_ip ? "" : name_of_verdict(verdict);
  }
  if (name == "cut off" && verdict != VERDICT_truncated && verdict != VERDICT_unreadable &&
      row.version != 0 && row.agree) {
    const Expected flow = expected_flow(row);
    if (canonical(flow.source) != address_text(packet, 0)) return "source";
    if (canonical(flow.destination) != address_text(packet, 1)) return "destination";
  }
  return "";  // not cut off and unusual: parse has ended, and read nothing beyond
}

TEST(ParseOracleTest, AgreesOnEveryFrameItShouldHold) {
  const std::filesystem::path corpus = corpus_directory();
  const std::vector<std::filesystem::path> captures = captures_in(corpus);
  if (captures.empty()) GTEST_SKIP() << "no captures in " << corpus;
  std::map<std::string, size_t> classes;
  for (const auto& path : captures) {
    const Capture capture = read_capture(path);
    const std::vector<OracleRow> rows = read_oracle(corpus, capture.name);
    ASSERT_LE(capture.frames.size(), rows.size()) << capture.name;
    ASSERT_EQ(capture.error.empty(), capture.frames.size() == rows.size()) << capture.error;
    if (!capture.error.empty()) classes["not readable"] += rows.size() - capture.frames.size();
    for (size_t i = 0; i < capture.frames.size(); i++) {
      const CapturedFrame& frame = capture.frames[i];
      const std::string name = class_of(capture, frame, rows[i]);
      classes[name]++;
      const std::string wrong = fault(name, rows[i], frame.bytes);
      EXPECT_EQ(wrong, "") << capture.name << " frame " << i + 1 << ", " << name;
    }
  }
  for (const auto& [name, frames] : classes)
    std::printf("figure: oracle: %s: %zu frames\n", name.c_str(), frames);
}

}  // namespace
}  // namespace belka
