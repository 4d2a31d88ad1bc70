// SPDX-License-Identifier: Apache-2.0
#include "control/kernel_refusal.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstring>
#include <regex>
#include <vector>

namespace belka {
namespace {

constexpr std::string_view kBegin = "-- BEGIN PROG LOAD LOG --";
constexpr std::string_view kEnd = "-- END PROG LOAD LOG --";

// The last of the verifier's logs: a load that fails is tried again with a log of its own.
std::string_view last_log(std::string_view messages) {
  const size_t begin = messages.rfind(kBegin);
  if (begin == std::string_view::npos) return {};
  const std::string_view from = messages.substr(begin + kBegin.size());
  return from.substr(0, from.find(kEnd));
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (end != at) lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// What the verifier prints on its way: source lines, instructions, states, jumps, functions.
bool is_walk(const std::string& line) {
  static const std::regex walk(
      R"((; .*|\d+: [(R].*|\d+: frame\d+.*|from \d+ to \d+.*|func#\d+ .*|Validating .*|Func#\d+ .*|)"
      R"( ?R\d+.*=.*| ?frame\d+: .*|(caller|callee|returning from callee|to caller at).*:|)"
      R"(mark_precise.*|last_idx .*|regs=.*|parent .*|propagating .*|arg#\d+ .*|)"
      R"(0: R1=.*))");
  return std::regex_match(line, walk);
}

bool is_count(const std::string& line) {
  return line.starts_with("processed ") || line.starts_with("verification time ") ||
         line.starts_with("stack depth ");
}

}  // namespace

std::string kernel_name() {
  utsname name{};
  if (uname(&name) != 0) return "the kernel";
  return fmt::format("{} {}", name.sysname, name.release);
}

std::string verifier_reason(std::string_view messages) {
  std::vector<std::string> lines = lines_of(last_log(messages));
  while (!lines.empty() && is_count(lines.back())) lines.pop_back();
  std::string reason;
  for (; !lines.empty() && !is_walk(lines.back()); lines.pop_back()) reason = lines.back();
  return reason;
}

std::string refusal_sentence(const std::string& interface, int error, std::string_view messages) {
  const std::string reason = verifier_reason(messages);
  const std::string got = reason.empty()
                              ? fmt::format("{} from {}", std::strerror(error), kernel_name())
                              : fmt::format("\"{}\" ({}) from the verifier of {}", reason,
                                            std::strerror(error), kernel_name());
  return fmt::format(
      "cannot load the XDP program for {}: got {}; expected that Linux 6.1 or newer with BTF "
      "(/sys/kernel/btf/vmlinux) takes it; run a kernel that README names; the whole log of the "
      "attempt is above",
      interface, got);
}

}  // namespace belka
