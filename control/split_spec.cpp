// SPDX-License-Identifier: Apache-2.0
#include "control/split_spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/quote.h"
#include "control/split_check.h"

namespace belka {
namespace {

constexpr uint32_t kPpmPerPercent = kWholePpm / 100;
constexpr size_t kDecimals = 4;  // a percentage with four is a whole number of millionths

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

uint32_t digits_value(std::string_view digits) {
  uint32_t value = 0;
  for (const char c : digits) value = value * 10 + static_cast<uint32_t>(c - '0');
  return value;
}

// The number before a percent sign, in millionths.
std::optional<uint32_t> parse_percent_number(std::string_view number) {
  const size_t point = number.find('.');
  const std::string_view whole = number.substr(0, point);
  if (!all_digits(whole) || whole.size() > 3) return std::nullopt;
  uint32_t ppm = digits_value(whole) * kPpmPerPercent;
  if (point != std::string_view::npos) {
    std::string decimals(number.substr(point + 1));
    if (!all_digits(decimals) || decimals.size() > kDecimals) return std::nullopt;
    decimals.resize(kDecimals, '0');
    ppm += digits_value(decimals);
  }
  if (ppm > kWholePpm) return std::nullopt;
  return ppm;
}

std::string pool_names(const ServiceConfig& service) {
  std::string names;
  for (const PoolConfig& pool : service.pools) {
    if (pool.name == kProd) continue;
    if (!names.empty()) names += ", ";
    names += pool.name;
  }
  return names.empty() ? "none, it has only prod" : names;
}

PoolConfig* find_pool(ServiceConfig& service, std::string_view name) {
  for (PoolConfig& pool : service.pools)
    if (pool.name == name) return &pool;
  return nullptr;
}

}  // namespace

std::optional<Share> parse_share(std::string_view text) {
  if (text == "match") return Share{.ppm = 0, .match = true};
  if (text == "0") return Share{};
  if (!text.ends_with('%')) return std::nullopt;
  const auto ppm = parse_percent_number(text.substr(0, text.size() - 1));
  if (!ppm) return std::nullopt;
  return Share{.ppm = *ppm, .match = false};
}

std::string format_percent(uint32_t ppm) {
  const uint32_t whole = ppm / kPpmPerPercent;
  const uint32_t part = ppm % kPpmPerPercent;
  if (part == 0) return fmt::format("{}%", whole);
  std::string decimals = fmt::format("{:04}", part);
  decimals.erase(decimals.find_last_not_of('0') + 1);
  return fmt::format("{}.{}%", whole, decimals);
}

std::string format_share(const PoolConfig& pool) {
  return pool.match ? "match" : format_percent(pool.share_ppm);
}

SplitWords parse_split_words(const std::vector<std::string>& texts) {
  SplitWords result;
  if (texts.empty())
    result.errors.push_back(
        "found no share, write at least one as POOL=SHARE, such as canary=5% or baseline=match");
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      result.errors.push_back(fmt::format(
          "found {}, allowed is POOL=SHARE, such as canary=5% or baseline=match", quote(text)));
      continue;
    }
    const std::string pool = text.substr(0, equals);
    const std::string share_text = text.substr(equals + 1);
    const bool again = std::any_of(result.words.begin(), result.words.end(),
                                   [&](const SplitWord& word) { return word.pool == pool; });
    const auto share = parse_share(share_text);
    if (again)
      result.errors.push_back(fmt::format("{}: found twice, name each pool once", quote(pool)));
    if (!share)
      result.errors.push_back(
          fmt::format("{}: found {}, {}", quote(pool), quote(share_text), kShareAllowed));
    result.words.push_back({pool, share.value_or(Share{})});
  }
  return result;
}

std::vector<std::string> apply_split(const std::vector<SplitWord>& words, ServiceConfig& service) {
  std::vector<std::string> errors;
  ServiceConfig changed = service;
  for (const SplitWord& word : words) {
    PoolConfig* pool = find_pool(changed, word.pool);
    if (word.pool == kProd) {
      errors.push_back(
          "prod: found a share, prod takes what the other pools leave, name only those");
    } else if (pool == nullptr) {
      errors.push_back(fmt::format("{}: no such pool of service {}, allowed are {}",
                                   quote(word.pool), quote(service.name), pool_names(service)));
    } else {
      pool->share_ppm = word.share.ppm;
      pool->match = word.share.match;
    }
  }
  for (const ShareFault& fault : check_split(changed))
    errors.push_back(fault.pool.empty() ? fault.sentence : fault.pool + ": " + fault.sentence);
  if (errors.empty()) service = std::move(changed);
  return errors;
}

}  // namespace belka
