// SPDX-License-Identifier: Apache-2.0
#include "control/bpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <sstream>
#include <utility>

#include "control/log.h"

namespace belka {
namespace {

constexpr size_t kKeptBytes = 32u << 20;
thread_local std::string kept_messages;

__attribute__((format(printf, 2, 0))) int keep(libbpf_print_level level, const char* format,
                                               va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  const int bytes = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (bytes <= 0) return 0;
  std::string text(static_cast<size_t>(bytes) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  kept_messages += text;
  if (kept_messages.size() > kKeptBytes) kept_messages.erase(0, kept_messages.size() - kKeptBytes);
  return bytes;
}

}  // namespace

void keep_bpf_messages() { libbpf_set_print(keep); }

std::string log_bpf_messages() {
  std::string messages = std::exchange(kept_messages, {});
  std::istringstream lines(messages);
  std::string line;
  while (std::getline(lines, line)) log_error(line);
  return messages;
}

void drop_bpf_messages() { kept_messages.clear(); }

}  // namespace belka
