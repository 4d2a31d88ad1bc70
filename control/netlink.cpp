// SPDX-License-Identifier: Apache-2.0
#include "control/netlink.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/error.h"

namespace belka {
namespace {

constexpr size_t kBufferBytes = 32u
                                << 10;  // as much as the kernel puts into one datagram of a dump
constexpr int kEventBufferBytes = 4 << 20;
constexpr int kEventBatches = 256;
constexpr int kDumpTries = 5;
constexpr timeval kAnswerTime = {2, 0};

MnlSocket open_socket(unsigned groups) {
  MnlSocket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), groups, MNL_SOCKET_AUTOPID) < 0) {
    throw Error(fmt::format("cannot open a netlink socket: {}", std::strerror(errno)));
  }
  return socket;
}

uint8_t kernel_family(const Address& address) { return address.family == 4 ? AF_INET : AF_INET6; }

// Of an address in the family's own length; anything else gives one of family 0.
Address address_in(const void* bytes, size_t size) {
  Address address;
  if (size != 4 && size != 16) return address;
  std::memcpy(address.bytes.data(), bytes, size);
  address.family = size == 4 ? 4 : 6;
  return address;
}

Address address_in(const nlattr* attribute) {
  return address_in(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));
}

Mac mac_in(const nlattr* attribute) {
  Mac mac{};
  if (mnl_attr_get_payload_len(attribute) == mac.size()) {
    std::memcpy(mac.data(), mnl_attr_get_payload(attribute), mac.size());
  }
  return mac;
}

uint32_t number_in(const nlattr* attribute) {
  return mnl_attr_get_payload_len(attribute) == sizeof(uint32_t) ? mnl_attr_get_u32(attribute) : 0;
}

template <class Header>
const Header* header_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(message));
}

using OnAttribute = std::function<void(uint16_t type, const nlattr*)>;

int to_attribute_function(const nlattr* attribute, void* function) {
  (*static_cast<const OnAttribute*>(function))(mnl_attr_get_type(attribute), attribute);
  return MNL_CB_OK;
}

template <class Header>
void each_attribute(const nlmsghdr* message, OnAttribute on_attribute) {
  mnl_attr_parse(message, sizeof(Header), to_attribute_function, &on_attribute);
}

void each_nested(const nlattr* attribute, OnAttribute on_attribute) {
  mnl_attr_parse_nested(attribute, to_attribute_function, &on_attribute);
}

// False for what is not about an interface itself (a port of a bridge has messages of its own).
bool read_link(const nlmsghdr* message, Link& link) {
  const auto* header = header_of<ifinfomsg>(message);
  if (header == nullptr || header->ifi_family != AF_UNSPEC) return false;
  link.ifindex = static_cast<uint32_t>(header->ifi_index);
  link.up = (header->ifi_flags & IFF_UP) != 0 && (header->ifi_flags & IFF_LOWER_UP) != 0;
  each_attribute<ifinfomsg>(message, [&](uint16_t type, const nlattr* attribute) {
    if (type == IFLA_IFNAME) link.name = mnl_attr_get_str(attribute);
    if (type == IFLA_ADDRESS) link.mac = mac_in(attribute);
    if (type == IFLA_MTU) link.mtu = number_in(attribute);
    if (type == IFLA_NUM_RX_QUEUES) link.rx_queues = number_in(attribute);
  });
  return !link.name.empty();
}

// False for what is not a neighbour of IP (bridges' forwarding entries, proxies).
bool read_neighbour(const nlmsghdr* message, Neighbour& neighbour) {
  const auto* header = header_of<ndmsg>(message);
  if (header == nullptr || (header->ndm_flags & NTF_PROXY) != 0) return false;
  if (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) return false;
  neighbour.ifindex = static_cast<uint32_t>(header->ndm_ifindex);
  neighbour.state = message->nlmsg_type == RTM_DELNEIGH ? uint16_t{NUD_NONE} : header->ndm_state;
  each_attribute<ndmsg>(message, [&](uint16_t type, const nlattr* attribute) {
    if (type == NDA_DST) neighbour.address = address_in(attribute);
    if (type == NDA_LLADDR) neighbour.mac = mac_in(attribute);
  });
  return neighbour.address.family != 0;
}

// RTA_VIA: a gateway of the other family; its address stands behind two bytes of family.
Address via_in(const nlattr* attribute) {
  constexpr size_t kFamilyBytes = sizeof(uint16_t);
  const size_t bytes = mnl_attr_get_payload_len(attribute);
  if (bytes < kFamilyBytes) return {};
  return address_in(static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)) + kFamilyBytes,
                    bytes - kFamilyBytes);
}

void read_route(const nlmsghdr* message, RouteAnswer& answer) {
  const auto* header = header_of<rtmsg>(message);
  if (header == nullptr) return;
  answer.type = header->rtm_type;
  each_attribute<rtmsg>(message, [&](uint16_t type, const nlattr* attribute) {
    if (type == RTA_OIF) answer.ifindex = number_in(attribute);
    if (type == RTA_GATEWAY) answer.gateway = address_in(attribute);
    if (type == RTA_VIA) answer.gateway = via_in(attribute);
    if (type == RTA_PREFSRC) answer.source = address_in(attribute);
    if (type != RTA_METRICS) return;
    each_nested(attribute, [&](uint16_t metric, const nlattr* value) {
      if (metric == RTAX_MTU) answer.mtu = number_in(value);
    });
  });
}

template <class Header>
Header* begin(std::array<char, 256>& buffer, nlmsghdr*& message, uint16_t type, uint16_t flags) {
  message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  return static_cast<Header*>(mnl_nlmsg_put_extra_header(message, sizeof(Header)));
}

int to_function(const nlmsghdr* message, void* function) {
  (*static_cast<const std::function<void(const nlmsghdr*)>*>(function))(message);
  return MNL_CB_OK;
}

}  // namespace

Netlink::Netlink() : socket_(open_socket(0)) {
  if (setsockopt(mnl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &kAnswerTime,
                 sizeof kAnswerTime) != 0) {
    throw Error(fmt::format("cannot set up a netlink socket: {}", std::strerror(errno)));
  }
}

// 0, or the errno that the kernel answered. Answers to earlier questions, whose time was over, are
// passed over: their sequence number is another (mnl_cb_run says EPROTO).
int Netlink::ask(nlmsghdr* request, const OnMessage& on_message) {
  request->nlmsg_seq = ++sequence_;
  const unsigned port = mnl_socket_get_portid(socket_.get());
  if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0) return errno;
  std::array<char, kBufferBytes> buffer;
  const bool dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  const bool acknowledged = (request->nlmsg_flags & NLM_F_ACK) != 0;
  while (true) {
    const ssize_t bytes = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
    const int status = mnl_cb_run(buffer.data(), static_cast<size_t>(bytes), sequence_, port,
                                  to_function, const_cast<OnMessage*>(&on_message));
    if (status < 0 && errno == EPROTO) continue;
    if (status < 0) return errno;
    if (status == MNL_CB_STOP || (!dump && !acknowledged)) return 0;
  }
}

// A dump that a change came into is inconsistent (EINTR), and asked for again.
void Netlink::dump(uint16_t type, const OnMessage& on_message) {
  int error = EINTR;
  for (int tries = 0; error == EINTR && tries < kDumpTries; tries++) {
    std::array<char, 256> buffer{};
    nlmsghdr* message = nullptr;
    if (type == RTM_GETLINK) {
      begin<ifinfomsg>(buffer, message, type, NLM_F_DUMP);
    } else {
      begin<ndmsg>(buffer, message, type, NLM_F_DUMP);
    }
    error = ask(message, on_message);
  }
  if (error == 0 || error == EINTR) return;  // what came in between will be told as an event
  throw Error(fmt::format("the kernel does not list its interfaces or neighbours: {}",
                          std::strerror(error)));
}

std::vector<Link> Netlink::links() {
  std::vector<Link> links;
  dump(RTM_GETLINK, [&](const nlmsghdr* message) {
    Link link;
    if (read_link(message, link)) links.push_back(std::move(link));
  });
  return links;
}

std::vector<Neighbour> Netlink::neighbours() {
  std::vector<Neighbour> neighbours;
  dump(RTM_GETNEIGH, [&](const nlmsghdr* message) {
    Neighbour neighbour;
    if (read_neighbour(message, neighbour)) neighbours.push_back(neighbour);
  });
  return neighbours;
}

RouteAnswer Netlink::route(const Address& destination) {
  std::array<char, 256> buffer{};
  nlmsghdr* message = nullptr;
  auto* header = begin<rtmsg>(buffer, message, RTM_GETROUTE, 0);
  header->rtm_family = kernel_family(destination);
  header->rtm_dst_len = static_cast<uint8_t>(destination.size() * 8);
  mnl_attr_put(message, RTA_DST, destination.size(), destination.bytes.data());
  RouteAnswer answer;
  answer.error = ask(message, [&](const nlmsghdr* route) { read_route(route, answer); });
  return answer;
}

int Netlink::use_neighbour(uint32_t ifindex, const Address& address) {
  std::array<char, 256> buffer{};
  nlmsghdr* message = nullptr;
  auto* header = begin<ndmsg>(buffer, message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK);
  header->ndm_family = kernel_family(address);
  header->ndm_ifindex = static_cast<int>(ifindex);
  header->ndm_flags = NTF_USE;
  mnl_attr_put(message, NDA_DST, address.size(), address.bytes.data());
  return ask(message, [](const nlmsghdr*) {});
}

NetlinkEvents::NetlinkEvents() : socket_(open_socket(0)) {
  (void)setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kEventBufferBytes, sizeof kEventBufferBytes);
  for (int group :
       {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR,
        RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP}) {
    if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
      throw Error(fmt::format("the kernel does not tell changes of routes and neighbours: {}",
                              std::strerror(errno)));
    }
  }
}

bool NetlinkEvents::read(const Handler& handler) {
  const std::function<void(const nlmsghdr*)> on_message = [&](const nlmsghdr* message) {
    Link link;
    Neighbour neighbour;
    switch (message->nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        if (read_link(message, link)) handler.link(link, message->nlmsg_type == RTM_DELLINK);
        break;
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH:
        if (read_neighbour(message, neighbour)) handler.neighbour(neighbour);
        break;
      default:
        handler.route();
    }
  };
  std::array<char, kBufferBytes> buffer;
  for (int batch = 0; batch < kEventBatches; batch++) {
    const ssize_t bytes = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return errno != ENOBUFS;
    mnl_cb_run(buffer.data(), static_cast<size_t>(bytes), 0, 0, to_function,
               const_cast<std::function<void(const nlmsghdr*)>*>(&on_message));
  }
  return true;
}

}  // namespace belka
