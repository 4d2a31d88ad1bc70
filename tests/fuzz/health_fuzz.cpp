// SPDX-License-Identifier: Apache-2.0
// What a server answers to a check is judged the same however it is cut, and never for ever.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/health_answer.h"

namespace {

belka::HttpAnswer judge(const belka::HealthConfig& config, std::string_view text, size_t piece) {
  belka::HttpAnswer answer(config);
  for (size_t at = 0; at < text.size(); at += piece) answer.take(text.substr(at, piece));
  return answer;
}

}  // namespace

// The first byte says what is wanted, the second how the rest is cut.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const belka::HealthConfig config{.kind = belka::HealthConfig::Kind::http,
                                   .status = static_cast<uint16_t>((data[0] & 1) != 0 ? 200 : 0),
                                   .body = (data[0] & 2) != 0 ? "ok" : ""};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  belka::HttpAnswer whole = judge(config, text, std::max<size_t>(text.size(), 1));
  belka::HttpAnswer cut = judge(config, text, 1 + data[1] % 16);
  if (whole.take("") != cut.take("") || whole.reason() != cut.reason()) std::abort();
  const auto verdict = whole.end();
  if (verdict == belka::HttpAnswer::Verdict::pending || verdict != cut.end()) std::abort();
  if ((verdict == belka::HttpAnswer::Verdict::failed) == whole.reason().empty()) std::abort();
  return 0;
}
