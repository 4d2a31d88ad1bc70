// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/descriptor.h"

namespace belka {

// A port of loopback that is taken, by IPv4 (of all of 127.0.0.0/8) or IPv6, and refuses until it
// listens.
class LoopbackPort {
 public:
  explicit LoopbackPort(int family = AF_INET)
      : socket_(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in6 address{};
    address.sin6_family = static_cast<sa_family_t>(family);
    if (family == AF_INET6) address.sin6_addr = in6addr_loopback;  // else INADDR_ANY, which is 0
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof address;
    EXPECT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    number_ = ntohs(address.sin6_port);  // in the same place for both
  }

  void begin_to_listen(int backlog = 4096) { EXPECT_EQ(listen(socket_.get(), backlog), 0); }
  uint16_t number() const { return number_; }
  int fd() const { return socket_.get(); }

 private:
  Descriptor socket_;
  uint16_t number_ = 0;
};

// Answers every connection to a port in one way, in a thread of its own.
class LoopbackServer {
 public:
  struct Way {
    std::optional<std::string> answer{};  // to a whole request; none: it never answers
    bool closes = true;                   // after the answer
    bool drips = false;                   // and then a byte every 5 ms, for ever
    int silent_first = 0;                 // so many requests it leaves unanswered
  };

  LoopbackServer(LoopbackPort& port, Way way) : port_(port), way_(std::move(way)) {
    port_.begin_to_listen();
    thread_ = std::thread([this] { serve(); });
  }
  ~LoopbackServer() {
    stopped_ = true;
    thread_.join();
  }

  std::string last_request() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last_request_;
  }

 private:
  struct Connection {
    Descriptor socket;
    std::string request;
    bool is_answered = false;
  };

  void serve() {
    while (!stopped_) {
      std::vector<pollfd> events = {{port_.fd(), POLLIN, 0}};
      for (const auto& [fd, connection] : connections_) events.push_back({fd, POLLIN, 0});
      poll(events.data(), events.size(), way_.drips ? 5 : 50);
      accept_all();
      for (const pollfd& event : events)
        if (event.revents != 0) read_from(event.fd);
      if (way_.drips) drip();
    }
  }

  void accept_all() {
    for (;;) {
      Descriptor socket(accept4(port_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) return;
      const int fd = socket.get();
      connections_[fd].socket = std::move(socket);
    }
  }

  void read_from(int fd) {
    const auto found = connections_.find(fd);
    if (found == connections_.end()) return;
    Connection& connection = found->second;
    std::array<char, 4096> bytes;
    const ssize_t count = recv(fd, bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      connections_.erase(found);
      return;
    }
    connection.request.append(bytes.data(), static_cast<size_t>(count));
    if (connection.is_answered || !connection.request.ends_with("\r\n\r\n")) return;
    connection.is_answered = true;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      last_request_ = connection.request;
    }
    if (!way_.answer || ++requests_ <= way_.silent_first) return;
    (void)send(fd, way_.answer->data(), way_.answer->size(), MSG_NOSIGNAL);
    if (way_.closes) connections_.erase(found);
  }

  void drip() {
    for (const auto& [fd, connection] : connections_)
      if (connection.is_answered) (void)send(fd, "x", 1, MSG_NOSIGNAL);
  }

  LoopbackPort& port_;
  const Way way_;
  std::map<int, Connection> connections_;
  int requests_ = 0;
  std::mutex mutex_;
  std::string last_request_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace belka
