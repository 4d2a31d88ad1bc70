// SPDX-License-Identifier: Apache-2.0
// Any bytes are either a configuration that comes back unchanged from its canonical text, or errors
// of one line each; never a crash.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const belka::ConfigResult result = belka::parse_config(text, "fuzz.yaml");
  if (result.config.has_value() != result.errors.empty()) std::abort();
  for (const belka::ConfigError& error : result.errors)
    if (error.text().find('\n') != std::string::npos) std::abort();
  if (result.config &&
      belka::parse_config(belka::to_yaml(*result.config), "").config != result.config)
    std::abort();
  return 0;
}
