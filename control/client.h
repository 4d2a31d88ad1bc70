// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace belka {

// What the daemon said: a body, or its errors.
struct Reply {
  int status = 0;  // of HTTP
  nlohmann::json body;
  std::vector<std::string> errors;  // empty where it did what was asked
};

// Calls belkad's API (control/api.h) over its socket. Each call is a connection of its own.
class Client {
 public:
  explicit Client(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // False where nobody listens or the socket is not there.
  bool daemon_listens() const;

  // Both throw Error where no daemon answers, or not within a minute. `path` has its query,
  // escaped.
  Reply get(const std::string& path) const;
  Reply post(const std::string& path, const std::string& body, const std::string& type) const;

 private:
  void require_daemon() const;
  std::string socket_path_;
};

// For one value of a query: everything but letters, digits and -._~ as %XX (RFC 3986, section 2.1).
std::string escape_query(std::string_view value);

}  // namespace belka
