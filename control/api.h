// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace belka {

class Controller;

// The daemon's API: HTTP with JSON bodies over a Unix socket of mode 0600.
//
//   GET  /v1/status  /v1/stats  /v1/services  /v1/pools  /v1/backends
//   GET  /v1/explain?flow=198.51.100.7:40000+%3E+203.0.113.10:443/tcp
//   POST /v1/apply, /v1/plan            body: the YAML; ?file=NAME labels its errors
//   POST /v1/services/NAME/split        body: {"canary": "5%", "baseline": "match"}
//   GET  /v1/drains
//   POST /v1/services/NAME/drain-limit?limit_ms=N
//   POST /v1/services/NAME/release      what still drains is given up
//   POST /v1/backends/ADDRESS/drain, …/undrain, …/disable     ?service=NAME: only there
//
// A change takes ?pace=gentle or ?pace=hard, apply and split &break_connections=1 too. Another key
// of a query is refused.
//
//   S=/run/belka/belkad.sock
//   curl --unix-socket $S http://belka/v1/status
//   curl --unix-socket $S --data-binary @web.yaml 'http://belka/v1/plan?file=web.yaml'
//   curl --unix-socket $S -d '{"canary": "5%"}' http://belka/v1/services/web/split
//
// An error is {"errors": ["a sentence", ...]} with 400 (the request is wrong), 404 (no such route
// or name), 405 (another method), 408 (the body took too long), 409 (cannot be beside what is in
// force), 413 (body too long) or 500 (the machine did not let us). A connection serves one request.
class Api {
 public:
  struct Limits {
    std::chrono::milliseconds body{10'000};  // for all of a request's body
    // For the answers that are under way when it ends; then their connections are cut.
    std::chrono::milliseconds end{3'000};
  };

  // Makes the socket's directory (0755) and the socket (0600 from its first moment). Who connects
  // waits until serve(). A socket that nobody listens on is replaced. Throws Error where somebody
  // does, or the path cannot be had.
  explicit Api(std::string socket_path, const Limits& limits);
  explicit Api(std::string socket_path) : Api(std::move(socket_path), Limits{}) {}
  // The same, and serves.
  Api(Controller& controller, std::string socket_path, const Limits& limits)
      : Api(std::move(socket_path), limits) {
    serve(controller);
  }
  Api(Controller& controller, std::string socket_path)
      : Api(controller, std::move(socket_path), Limits{}) {}

  // From threads of its own, until destroyed. The Controller must outlive the Api. Once.
  void serve(Controller& controller);

  // Takes no new requests, finishes those under way, and removes the socket.
  ~Api();
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belka
