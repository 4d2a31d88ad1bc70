// SPDX-License-Identifier: Apache-2.0
#include "dataplane/driver_log.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <xdp/libxdp.h>

#include <cstdarg>
#include <cstdio>

namespace belka {
namespace {

char last_message[256];

__attribute__((format(printf, 1, 0))) int keep(const char* format, va_list arguments) {
  const int bytes = std::vsnprintf(last_message, sizeof last_message, format, arguments);
  for (char& letter : last_message) letter = letter == '\n' ? '\0' : letter;
  return bytes;
}

__attribute__((format(printf, 2, 0))) int keep_libbpf(libbpf_print_level level, const char* format,
                                                      va_list arguments) {
  return level == LIBBPF_WARN ? keep(format, arguments) : 0;
}

__attribute__((format(printf, 2, 0))) int keep_libxdp(libxdp_print_level level, const char* format,
                                                      va_list arguments) {
  return level == LIBXDP_WARN ? keep(format, arguments) : 0;
}

}  // namespace

void keep_driver_messages() {
  libbpf_set_print(keep_libbpf);
  libxdp_set_print(keep_libxdp);
}

std::string last_driver_message() {
  return last_message[0] == '\0' ? "" : fmt::format(" ({})", last_message);
}

}  // namespace belka
