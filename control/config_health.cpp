// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/config_duration.h"
#include "control/config_parts.h"

namespace belka {
namespace {

constexpr std::array<std::string_view, 10> kHealthKeys = {
    "http", "tcp", "every", "fall", "rise", "timeout", "port", "status", "body", "host"};
constexpr std::array<std::string_view, 3> kHttpKeys = {"status", "body", "host"};
constexpr uint32_t kMinEveryMs = 100;
constexpr uint32_t kMaxEveryMs = 3'600'000;
constexpr uint32_t kMinTimeoutMs = 10;
constexpr uint32_t kMaxInRow = 100;

using Check = bool (*)(std::string_view text);

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

// The origin form of a request target (RFC 9112, section 3.2.1), which has no fragment.
bool is_target(std::string_view text) {
  return text.size() <= kMaxHealthText && text.starts_with('/') &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_visible(c) && c != '#'; });
}

// A name or an address, with or without a port (RFC 9110, section 7.2).
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHealthText &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-:[]").find(c) != std::string_view::npos;
         });
}

// Without a space at its end, for the reason that a path has (config.cpp).
bool is_body(std::string_view text) {
  return !text.empty() && text.size() <= kMaxHealthText && !text.ends_with(' ') &&
         std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_true(std::string_view text) { return text == "true"; }

class HealthReader {
 public:
  HealthReader(const Place& place, const ServiceAt& service, ConfigErrors& errors)
      : place_(place), service_(service), errors_(errors) {}

  HealthConfig read() {
    read_kind();
    health_.every_ms = duration("every", kMinEveryMs, kMaxEveryMs, health_.every_ms);
    health_.timeout_ms = duration("timeout", kMinTimeoutMs, health_.every_ms,
                                  std::min(health_.timeout_ms, health_.every_ms));
    health_.fall = number("fall", 1, kMaxInRow, health_.fall);
    health_.rise = number("rise", 1, kMaxInRow, health_.rise);
    health_.port = static_cast<uint16_t>(number("port", 1, 65535, 0));
    check_port();
    if (health_.kind == HealthConfig::Kind::http) read_http();
    return health_;
  }

 private:
  void read_kind() {
    const bool is_http = find_value(place_, "http").has_value();
    const bool is_tcp = find_value(place_, "tcp").has_value();
    if (is_http == is_tcp) {
      errors_.add(place_, fmt::format("found {} tcp, allowed is one of http: /PATH and tcp: true",
                                      is_http ? "both http and" : "neither http nor"));
    }
    if (is_tcp) text("tcp", "true", is_true);
    if (is_tcp && !is_http) refuse_http_keys();
    if (is_http) health_.kind = HealthConfig::Kind::http;
  }

  void refuse_http_keys() {
    for (const std::string_view key : kHttpKeys)
      if (const auto value = find_value(place_, key))
        errors_.add(*value, "found a key of http checks, this one is tcp, remove it");
  }

  void read_http() {
    health_.path =
        text("http",
             fmt::format("a path of up to {} visible ASCII characters without #, the first a slash",
                         kMaxHealthText),
             is_target);
    health_.host = text(
        "host", fmt::format("a name or address of up to {} characters", kMaxHealthText), is_host);
    health_.body = text(
        "body",
        fmt::format("a text of 1 to {} bytes, without control characters or a space at its end",
                    kMaxHealthText),
        is_body);
    // Answers below 200 are not the last of an exchange (RFC 9110, section 15.2).
    health_.status = static_cast<uint16_t>(number("status", 200, 599, 0));
  }

  void check_port() {
    if (service_.has_port && service_.config.port == 0 && !find_value(place_, "port"))
      errors_.add(place_,
                  "found no port, which a service for all ports must name here, add port: NUMBER");
  }

  uint32_t duration(std::string_view key, uint32_t low, uint32_t high, uint32_t otherwise) {
    const auto value = find_value(place_, key);
    return value ? read_duration(*value, low, high, errors_).value_or(otherwise) : otherwise;
  }

  uint32_t number(std::string_view key, uint32_t low, uint32_t high, uint32_t otherwise) {
    const auto value = find_value(place_, key);
    if (!value) return otherwise;
    const std::string allowed = fmt::format("a number from {} to {}", low, high);
    const auto word = read_text(*value, allowed, errors_);
    const auto read = word ? parse_number(*word, low, high) : std::nullopt;
    if (word && !read) errors_.add_found(*value, allowed);
    return read.value_or(otherwise);
  }

  // Empty where there is none, or none that may be.
  std::string text(std::string_view key, std::string_view allowed, Check check) {
    const auto value = find_value(place_, key);
    const auto word = value ? read_text(*value, allowed, errors_) : std::nullopt;
    if (!word) return "";
    if (check(*word)) return std::string(*word);
    errors_.add_found(*value, allowed);
    return "";
  }

  const Place& place_;
  const ServiceAt& service_;
  ConfigErrors& errors_;
  HealthConfig health_;
};

}  // namespace

void read_health(const Place& place, ServiceAt& service, ConfigErrors& errors) {
  if (check_map(place, kHealthKeys, errors))
    service.config.health = HealthReader(place, service, errors).read();
}

}  // namespace belka
