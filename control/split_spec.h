// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.h"

namespace belka {

inline constexpr uint32_t kWholePpm = 1'000'000;
inline constexpr std::string_view kShareAllowed =
    "allowed is a percentage with its sign and at most 4 decimals from 0% to 100% (such as 0.5%), "
    "0, or match";

// What a pool is asked to take of the new connections. `match`: as much as the canary, and ppm is
// 0.
struct Share {
  uint32_t ppm = 0;
  bool match = false;
  bool operator==(const Share&) const = default;
};

// `1%`, `0.5%`, `100%`, `0`, `match`; exact, nothing is rounded. Nothing else is a share:
// kShareAllowed.
std::optional<Share> parse_share(std::string_view text);

// Exact and shortest: `1%`, `0.5%`, `0.0001%`, `0%`.
std::string format_percent(uint32_t ppm);

// As written in a file or a command: format_percent, or `match`.
std::string format_share(const PoolConfig& pool);

struct SplitWord {
  std::string pool;
  Share share;
};

// The words of `belkactl split SERVICE canary=5% baseline=match`. All errors at once, one sentence
// each; words is meaningful only where errors is empty.
struct SplitWords {
  std::vector<SplitWord> words;
  std::vector<std::string> errors;
};
SplitWords parse_split_words(const std::vector<std::string>& texts);

// Gives the named pools their new shares, the others keep theirs, and checks the whole split
// (control/split_check.h). Returns the errors, one sentence each; with any, service is unchanged.
std::vector<std::string> apply_split(const std::vector<SplitWord>& words, ServiceConfig& service);

}  // namespace belka
