// SPDX-License-Identifier: Apache-2.0
#include "control/health_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace belka {
namespace {

constexpr size_t kStatusLine = std::string_view("HTTP/1.1 200").size();
constexpr std::string_view kBlanks = " \t";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), to_lower);
  return result;
}

std::string_view trim_blanks(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return "";
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Digits alone, of a number of 64 bits.
std::optional<uint64_t> parse_digits(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// RFC 9112, section 4; 0 where it is no status line.
uint16_t status_in(std::string_view line) {
  const bool is_http = line.starts_with("HTTP/1.0 ") || line.starts_with("HTTP/1.1 ");
  if (!is_http || line.size() < kStatusLine) return 0;
  if (line.size() > kStatusLine && line[kStatusLine] != ' ') return 0;
  const std::string_view digits = line.substr(kStatusLine - 3, 3);
  if (!std::all_of(digits.begin(), digits.end(), is_digit)) return 0;
  const auto status = static_cast<uint16_t>(parse_digits(digits, 10).value_or(0));
  return status >= 100 ? status : 0;
}

// RFC 9110, section 15.2: another answer follows. None follows 101, which nobody asked for.
bool is_interim(uint16_t status) { return status < 200 && status != 101; }

// RFC 9110, sections 15.3.5 and 15.4.5.
bool has_no_body(uint16_t status) { return status == 204 || status == 304; }

}  // namespace

HttpAnswer::Verdict HttpAnswer::take(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size() && verdict_ == Verdict::pending; ++i) take_byte(bytes[i]);
  return verdict_;
}

HttpAnswer::Verdict HttpAnswer::end() {
  if (verdict_ != Verdict::pending) return verdict_;
  if (part_ != Part::status_line && part_ != Part::head) {
    fail_as_lacking();
  } else {
    fail(head_bytes_ == 0 ? "closed without an answer" : "closed in the middle of its answer");
  }
  return verdict_;
}

void HttpAnswer::fail(std::string reason) {
  verdict_ = Verdict::failed;
  reason_ = std::move(reason);
}

void HttpAnswer::take_byte(char byte) {
  if (part_ == Part::body || part_ == Part::chunk) {
    take_body_byte(byte);
    return;
  }
  if (++head_bytes_ > kMaxAnswerHead) {
    fail(fmt::format("its answer has more than {} bytes beside the body", kMaxAnswerHead));
    return;
  }
  if (byte != '\n') {
    line_ += byte;
    return;
  }
  if (line_.ends_with('\r')) line_.pop_back();
  take_line();
  line_.clear();
}

void HttpAnswer::take_line() {
  switch (part_) {
    case Part::status_line:
      take_status_line();
      break;
    case Part::head:
      line_.empty() ? end_head() : take_header();
      break;
    case Part::chunk_size:
      take_chunk_size();
      break;
    default:  // what ends a chunk is an empty line
      part_ = Part::chunk_size;
      if (!line_.empty()) fail_as_no_http();
  }
}

void HttpAnswer::take_status_line() {
  found_status_ = status_in(line_);
  part_ = Part::head;
  if (found_status_ == 0) {
    fail_as_no_http();
  } else if (is_interim(found_status_)) {
    return;
  } else if (status_ != 0 ? found_status_ != status_ : found_status_ < 200 || found_status_ > 399) {
    fail(fmt::format("status {}", found_status_));
  } else if (wanted_.empty()) {
    pass();
  }
}

void HttpAnswer::take_header() {
  const size_t colon = line_.find(':');
  if (colon == std::string::npos) return;
  const std::string name = lower(std::string_view(line_).substr(0, colon));
  const std::string_view value = trim_blanks(std::string_view(line_).substr(colon + 1));
  if (name == "transfer-encoding") {
    is_chunked_ = lower(value).ends_with("chunked");
  } else if (name == "content-length") {
    const auto length = parse_digits(value, 10);
    has_length_ = true;
    left_ = length.value_or(0);
    if (!length) fail_as_no_http();
  }
}

void HttpAnswer::end_head() {
  const uint16_t status = found_status_;
  if (is_interim(status)) {
    part_ = Part::status_line;
    is_chunked_ = has_length_ = false;
    return;
  }
  part_ = is_chunked_ ? Part::chunk_size : Part::body;
  const bool is_empty = !is_chunked_ && has_length_ && left_ == 0;
  if (is_empty || has_no_body(status)) fail_as_lacking();
}

// RFC 9112, section 7.1. What follows the last chunk is not looked at.
void HttpAnswer::take_chunk_size() {
  const auto size =
      parse_digits(trim_blanks(std::string_view(line_).substr(0, line_.find(';'))), 16);
  part_ = Part::chunk;
  left_ = size.value_or(0);
  if (!size) {
    fail_as_no_http();
  } else if (*size == 0) {
    fail_as_lacking();
  }
}

void HttpAnswer::take_body_byte(char byte) {
  body_ += byte;
  if (body_.ends_with(wanted_)) {
    pass();
    return;
  }
  const bool has_end = part_ == Part::chunk || has_length_;
  if (has_end) --left_;
  const bool is_over = part_ == Part::body && has_end && left_ == 0;
  if (is_over || body_.size() == kMaxAnswerBody) {
    fail_as_lacking();
  } else if (part_ == Part::chunk && left_ == 0) {
    part_ = Part::chunk_end;
  }
}

}  // namespace belka
