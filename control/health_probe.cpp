// SPDX-License-Identifier: Apache-2.0
#include "control/health_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace belka {
namespace {

constexpr size_t kReadBytes = 4'096;
constexpr int kMaxReads = 8;  // in a row

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const Address& address, uint16_t port) {
  SocketAddress result;
  if (address.family == 4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data(), sizeof v4.sin_addr);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.size = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), sizeof v6.sin6_addr);
    std::memcpy(&result.storage, &v6, sizeof v6);
    result.size = sizeof v6;
  }
  return result;
}

bool is_lack_of_all(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// Of connect(2): no local port or address, no place for the route, towards this target. (Where
// there is no route, or one that prohibits, packets cannot be sent to the backend either: that is a
// failure.)
bool is_lack_towards_target(int error) { return error == EADDRNOTAVAIL || error == EAGAIN; }

// `Connection refused` within a sentence.
std::string clause_of(int error) {
  std::string text = std::generic_category().message(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

std::string host_of(const HealthTarget& target) {
  if (!target.config.host.empty()) return target.config.host;
  const std::string text = target.address.text();
  const std::string host = target.address.family == 6 ? "[" + text + "]" : text;
  return target.port == 80 ? host : fmt::format("{}:{}", host, target.port);
}

}  // namespace

std::string http_request(const HealthTarget& target) {
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: belkad-health\r\nAccept: */*\r\n"
      "Connection: close\r\n\r\n",
      target.config.path, host_of(target));
}

HealthProbe::Result HealthProbe::fail(std::string reason) {
  reason_ = std::move(reason);
  return Result::failed;
}

HealthProbe::Result HealthProbe::fail_with(int error) {
  fail(clause_of(error));
  if (is_lack_of_all(error)) return Result::none_made;
  return is_lack_towards_target(error) ? Result::not_made : Result::failed;
}

// No error can be the target's here.
HealthProbe::Result HealthProbe::fail_before_connect(int error) {
  const Result result = fail_with(error);
  return result == Result::failed ? Result::not_made : result;
}

HealthProbe::Result HealthProbe::start() {
  const int family = target_.address.family == 4 ? AF_INET : AF_INET6;
  socket_ = Descriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return fail_before_connect(errno);
  const linger reset{.l_onoff = 1, .l_linger = 0};
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset) != 0)
    return fail_before_connect(errno);
  return connect_to();
}

HealthProbe::Result HealthProbe::advance() {
  switch (step_) {
    case Step::connecting:
      return connect_to();
    case Step::sending:
      return send_rest();
    default:
      return read_answer();
  }
}

uint32_t HealthProbe::events() const { return step_ == Step::reading ? EPOLLIN : EPOLLOUT; }

// Asked again, connect(2) tells how the first call ended.
HealthProbe::Result HealthProbe::connect_to() {
  const SocketAddress to = socket_address(target_.address, target_.port);
  const int error = connect(socket_.get(), to.get(), to.size) == 0 ? EISCONN : errno;
  if (error == EINPROGRESS || error == EALREADY || error == EINTR) return Result::pending;
  if (error != EISCONN) return fail_with(error);
  if (target_.config.kind == HealthConfig::Kind::tcp) return Result::passed;
  step_ = Step::sending;
  unsent_ = http_request(target_);
  return send_rest();
}

HealthProbe::Result HealthProbe::send_rest() {
  const ssize_t sent = send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == EINTR ? Result::pending : fail_with(errno);
  unsent_.erase(0, static_cast<size_t>(sent));
  if (!unsent_.empty()) return Result::pending;
  step_ = Step::reading;
  answer_.emplace(target_.config);
  return Result::pending;
}

HealthProbe::Result HealthProbe::read_answer() {
  std::array<char, kReadBytes> bytes;
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR ? Result::pending : fail_with(errno);
    const auto verdict =
        count == 0 ? answer_->end() : answer_->take({bytes.data(), static_cast<size_t>(count)});
    if (verdict == HttpAnswer::Verdict::passed) return Result::passed;
    if (verdict == HttpAnswer::Verdict::failed) return fail(answer_->reason());
  }
  return Result::pending;
}

}  // namespace belka
