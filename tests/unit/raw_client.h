// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "control/descriptor.h"

namespace belka {

// A client of the API that sends what and when the test says. No call waits for ever.
class RawClient {
 public:
  explicit RawClient(const std::string& path)
      : socket_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 30, .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }

  // False where the other end has closed.
  bool send_text(std::string_view text) const {
    return send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  // What has come, as soon as something has.
  std::string receive_some() const {
    char buffer[4096];
    const ssize_t bytes = recv(socket_.get(), buffer, sizeof buffer, 0);
    return bytes > 0 ? std::string(buffer, static_cast<size_t>(bytes)) : "";
  }

  // All that comes until the other end closes.
  std::string receive() const {
    std::string all, some;
    while (!(some = receive_some()).empty()) all += some;
    return all;
  }

 private:
  Descriptor socket_;
  bool connected_ = false;
};

}  // namespace belka
