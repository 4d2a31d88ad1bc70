// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/address.h"
#include "control/config.h"
#include "control/descriptor.h"
#include "control/health_answer.h"

namespace belka {

// What is checked, and how.
struct HealthTarget {
  uint32_t id = 0;  // the caller's own, once in a list
  Address address;
  HealthConfig config;
  uint16_t port = 0;      // host order, of the check: config.port, or the service's where that is 0
  bool starts_up = true;  // what it counts as before its first checks say otherwise
  auto operator<=>(const HealthTarget&) const = default;
};

// The request of an http check (RFC 9112, section 3; Host by RFC 9110, section 7.2).
std::string http_request(const HealthTarget& target);

// One check: a connection that is made, and for http asked. Nothing here blocks, and nothing here
// knows of time. Its connection is reset when it ends, so that no TIME_WAIT is left on either side.
class HealthProbe {
 public:
  enum class Result : uint8_t {
    pending,
    passed,
    failed,
    // These two say nothing of the target:
    not_made,   // this machine could not make it, and may well make others (no port is left there)
    none_made,  // this machine lacks what any of them takes (descriptors, memory)
  };

  // The target outlives it.
  explicit HealthProbe(const HealthTarget& target) : target_(target) {}

  Result start();

  // Goes on as far as it can, whether or not its descriptor is ready.
  Result advance();

  int fd() const { return socket_.get(); }
  uint32_t events() const;  // of epoll(7), that it waits for

  // Why it failed or was not made, a clause: `connection refused`.
  const std::string& reason() const { return reason_; }

 private:
  enum class Step : uint8_t { connecting, sending, reading };

  Result connect_to();
  Result send_rest();
  Result read_answer();
  Result fail(std::string reason);
  Result fail_with(int error);
  Result fail_before_connect(int error);

  const HealthTarget& target_;
  Descriptor socket_;
  Step step_ = Step::connecting;
  std::string unsent_;
  std::optional<HttpAnswer> answer_;
  std::string reason_;
};

}  // namespace belka
