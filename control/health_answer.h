// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/config.h"

namespace belka {

inline constexpr uint32_t kMaxAnswerBody = 4'096;   // bytes in which the wanted text is to occur
inline constexpr uint32_t kMaxAnswerHead = 32'768;  // bytes beside the body

// Judges a server's answer to a GET (HTTP/1.0 or 1.1, RFC 9112) as it comes in, in pieces of any
// size: the verdict does not depend on where it was cut. Pure; memory and time are bounded.
class HttpAnswer {
 public:
  enum class Verdict : uint8_t { pending, passed, failed };

  explicit HttpAnswer(const HealthConfig& config) : status_(config.status), wanted_(config.body) {}

  // The next bytes. Once it is not pending any more, it stays.
  Verdict take(std::string_view bytes);

  // There are no more: never pending.
  Verdict end();

  // Why it failed, a clause: `status 503`.
  const std::string& reason() const { return reason_; }

 private:
  // What the next byte belongs to.
  enum class Part : uint8_t { status_line, head, body, chunk_size, chunk, chunk_end };

  void take_byte(char byte);
  void take_line();
  void take_status_line();
  void take_header();
  void end_head();
  void take_chunk_size();
  void take_body_byte(char byte);
  void pass() { verdict_ = Verdict::passed; }
  void fail(std::string reason);
  void fail_as_no_http() { fail("what it answers is not HTTP"); }
  void fail_as_lacking() { fail("body lacks \"" + wanted_ + "\""); }

  const uint16_t status_;     // 0: any from 200 to 399
  const std::string wanted_;  // empty: the body is not looked at
  Verdict verdict_ = Verdict::pending;
  std::string reason_;

  Part part_ = Part::status_line;
  std::string line_;         // so far, of the parts that are lines
  uint32_t head_bytes_ = 0;  // beside the body
  std::string body_;
  uint16_t found_status_ = 0;
  bool is_chunked_ = false;
  bool has_length_ = false;
  uint64_t left_ = 0;  // of the body, where it has a length, or of the chunk
};

}  // namespace belka
