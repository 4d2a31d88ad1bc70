// SPDX-License-Identifier: Apache-2.0
#include "control/flow_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "control/quote.h"

namespace belka {
namespace {

constexpr std::string_view kFlowAllowed =
    "write SRC:PORT > VIP:PORT/tcp (or /udp), such as '198.51.100.7:40000 > 203.0.113.10:443/tcp' "
    "or '[2001:db8::7]:40000 > [2001:db8::10]:443/tcp'";
constexpr uint8_t kHopLimit = 64;

struct AddressPort {
  Address address;
  uint16_t port = 0;
};

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<uint16_t> parse_flow_port(std::string_view text) {
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (text.empty() || error != std::errc() || stopped != end || port == 0) return std::nullopt;
  return port;
}

// The address without its brackets, which IPv6 must have and IPv4 must not.
std::optional<Address> parse_host(std::string_view text) {
  const bool bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = text.substr(1, text.size() - 2);
  const auto address = Address::parse(text);
  if (!address || (address->family == 6) != bracketed) return std::nullopt;
  return address;
}

std::variant<AddressPort, std::string> parse_endpoint(std::string_view text,
                                                      std::string_view what) {
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && text.back() != ']';
  const auto address = parse_host(has_port ? text.substr(0, colon) : text);
  if (!address) {
    return fmt::format("found {} as the {}, which is no address with a port; {}", quote(text), what,
                       kFlowAllowed);
  }
  const auto port = has_port ? parse_flow_port(text.substr(colon + 1)) : std::nullopt;
  if (!port) {
    return fmt::format("found {} as the {}, its port must be 1 to 65535; {}", quote(text), what,
                       kFlowAllowed);
  }
  return AddressPort{.address = *address, .port = *port};
}

// Cuts "/tcp" or "/udp" off the end.
std::optional<uint8_t> take_protocol(std::string_view& text) {
  const size_t slash = text.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view name = text.substr(slash + 1);
  text = text.substr(0, slash);
  if (name == "tcp") return IPPROTO_TCP;
  if (name == "udp") return IPPROTO_UDP;
  return std::nullopt;
}

template <typename Header>
void append(std::vector<uint8_t>& frame, const Header& header) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  frame.insert(frame.end(), bytes, bytes + sizeof header);
}

void append_ip(std::vector<uint8_t>& frame, const Flow& flow, size_t payload_bytes) {
  if (flow.source.family == 4) {
    struct iphdr ip {};
    ip.version = 4;
    ip.ihl = 5;
    ip.tot_len = htons(static_cast<uint16_t>(sizeof ip + payload_bytes));
    ip.ttl = kHopLimit;
    ip.protocol = flow.protocol;
    std::memcpy(&ip.saddr, flow.source.bytes.data(), 4);
    std::memcpy(&ip.daddr, flow.destination.bytes.data(), 4);
    append(frame, ip);
    return;
  }
  struct ip6_hdr ip {};
  ip.ip6_flow = htonl(6U << 28);
  ip.ip6_plen = htons(static_cast<uint16_t>(payload_bytes));
  ip.ip6_nxt = flow.protocol;
  ip.ip6_hlim = kHopLimit;
  std::memcpy(&ip.ip6_src, flow.source.bytes.data(), 16);
  std::memcpy(&ip.ip6_dst, flow.destination.bytes.data(), 16);
  append(frame, ip);
}

}  // namespace

std::variant<Flow, std::string> parse_flow(std::string_view text) {
  const size_t arrow = text.find('>');
  if (arrow == std::string_view::npos) {
    return fmt::format("found {}, which is no connection; {}", quote(text), kFlowAllowed);
  }
  std::string_view right = trim(text.substr(arrow + 1));
  const auto protocol = take_protocol(right);
  if (!protocol) {
    return fmt::format("found {}, which does not end in /tcp or /udp; {}", quote(text),
                       kFlowAllowed);
  }
  auto source = parse_endpoint(trim(text.substr(0, arrow)), "source");
  if (auto* error = std::get_if<std::string>(&source)) return std::move(*error);
  auto destination = parse_endpoint(trim(right), "destination");
  if (auto* error = std::get_if<std::string>(&destination)) return std::move(*error);
  const auto& from = std::get<AddressPort>(source);
  const auto& to = std::get<AddressPort>(destination);
  if (from.address.family != to.address.family) {
    return fmt::format("found {}, which mixes IPv4 and IPv6; {}", quote(text), kFlowAllowed);
  }
  return Flow{.source = from.address,
              .destination = to.address,
              .source_port = from.port,
              .destination_port = to.port,
              .protocol = *protocol};
}

std::string flow_text(const Flow& flow) {
  const auto endpoint = [](const Address& address, uint16_t port) {
    return address.family == 6 ? fmt::format("[{}]:{}", address.text(), port)
                               : fmt::format("{}:{}", address.text(), port);
  };
  return fmt::format("{} > {}/{}", endpoint(flow.source, flow.source_port),
                     endpoint(flow.destination, flow.destination_port),
                     flow.protocol == IPPROTO_TCP ? "tcp" : "udp");
}

std::vector<uint8_t> first_frame(const Flow& flow) {
  const bool tcp = flow.protocol == IPPROTO_TCP;
  std::vector<uint8_t> frame;
  const struct ether_header ethernet {
    .ether_dhost = {2, 0, 0, 0, 0, 1}, .ether_shost = {2, 0, 0, 0, 0, 2},
    .ether_type = htons(flow.source.family == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6)
  };
  append(frame, ethernet);
  append_ip(frame, flow, tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr));
  if (tcp) {
    struct tcphdr header {};
    header.source = htons(flow.source_port);
    header.dest = htons(flow.destination_port);
    header.doff = sizeof header / 4;
    header.syn = 1;
    append(frame, header);
  } else {
    struct udphdr header {};
    header.source = htons(flow.source_port);
    header.dest = htons(flow.destination_port);
    header.len = htons(sizeof header);
    append(frame, header);
  }
  return frame;
}

}  // namespace belka
