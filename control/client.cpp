// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "control/error.h"
#include "control/unix_socket.h"

namespace belka {
namespace {

constexpr time_t kAnswerSeconds = 60;

// httplib sends so that a daemon which cuts the connection kills who still writes to it. While this
// lives, the thread gets the error of its write instead; what it writes elsewhere is as ever.
class BrokenPipeIsAnError {
 public:
  BrokenPipeIsAnError() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~BrokenPipeIsAnError() {
    const timespec now{};
    if (sigismember(&before_, SIGPIPE) == 0) {
      while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BrokenPipeIsAnError(const BrokenPipeIsAnError&) = delete;
  BrokenPipeIsAnError& operator=(const BrokenPipeIsAnError&) = delete;

 private:
  sigset_t pipe_{}, before_{};
};

httplib::Client connect_to(const std::string& socket_path) {
  httplib::Client http(socket_path, 80);  // a port of no meaning on a Unix socket
  http.set_address_family(AF_UNIX);
  http.set_default_headers({{"Host", "belka"}});
  http.set_read_timeout(kAnswerSeconds);
  return http;
}

Reply read_reply(const httplib::Result& result, const std::string& socket_path) {
  if (!result) {
    throw Error(fmt::format("belkad on {} broke off ({}); see its log", socket_path,
                            httplib::to_string(result.error())));
  }
  Reply reply;
  reply.status = result->status;
  reply.body = nlohmann::json::parse(result->body, nullptr, false);
  if (reply.body.is_discarded()) {
    throw Error(
        fmt::format("what listens on {} answers with status {} and no JSON, so it is no "
                    "belkad of this version; name belkad's socket with --socket=PATH",
                    socket_path, result->status));
  }
  if (reply.status == 200) return reply;
  if (reply.body.is_object() && reply.body.contains("errors")) {
    for (const auto& error : reply.body["errors"]) {
      if (error.is_string()) reply.errors.push_back(error.get<std::string>());
    }
  }
  if (reply.errors.empty()) {
    reply.errors.push_back(fmt::format("belkad refused with status {}", reply.status));
  }
  return reply;
}

}  // namespace

bool Client::daemon_listens() const { return connect_once(socket_path_) == 0; }

void Client::require_daemon() const {
  const int error = connect_once(socket_path_);
  if (error == 0) return;
  if (error == EACCES || error == EPERM) {
    throw Error(fmt::format("no permission to use {}; run as root", socket_path_));
  }
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) {
    throw Error(
        fmt::format("no belkad listens on {}; start belkad, or name its socket with --socket=PATH",
                    socket_path_));
  }
  throw Error(
      fmt::format("cannot connect to {}: {}; is belkad well?", socket_path_, std::strerror(error)));
}

Reply Client::get(const std::string& path) const {
  require_daemon();
  const BrokenPipeIsAnError during;
  auto http = connect_to(socket_path_);
  return read_reply(http.Get(path), socket_path_);
}

Reply Client::post(const std::string& path, const std::string& body,
                   const std::string& type) const {
  require_daemon();
  const BrokenPipeIsAnError during;
  auto http = connect_to(socket_path_);
  return read_reply(http.Post(path, body, type), socket_path_);
}

std::string escape_query(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::strchr("-._~", c) != nullptr) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", byte);
    }
  }
  return escaped;
}

}  // namespace belka
