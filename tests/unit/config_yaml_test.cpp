// SPDX-License-Identifier: Apache-2.0
// Whatever is not a plain YAML text of one document is one error with its line, in bounded time and
// memory.
#include <gtest/gtest.h>

#include "control/config_text.h"
#include "tests/unit/config_test_text.h"

namespace belka {
namespace {

std::string repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

struct BadText {
  std::string text;
  std::string error;  // complete, but for the line's end
};

void expect_errors(const std::vector<BadText>& cases) {
  for (const BadText& bad : cases)
    EXPECT_EQ(errors_of(bad.text), bad.error + "\n") << bad.text.substr(0, 80);
}

TEST(ConfigYaml, NotYamlNamesTheLine) {
  expect_errors({
      {"services:\n  - name: web\n vip: x\n",
       "web.yaml:3: this is not YAML (end of map not found at column 2)"},
      {"services: [1, 2\n",
       "web.yaml:2: this is not YAML (end of sequence flow not found at column 1)"},
      {"services: []\n]\n", "web.yaml:2: this is not YAML (illegal flow end at column 1)"},
      {"\n\nservices: \"x", "web.yaml:3: this is not YAML (illegal EOF in scalar at column 13)"},
      {"@\n", "web.yaml:1: this is not YAML (unknown token at column 1)"},
  });
}

TEST(ConfigYaml, NoMapWhereOneIsWanted) {
  expect_errors({
      {"", "web.yaml:1: found nothing, allowed is a map of seed_file, tick, services"},
      {"# nothing\n", "web.yaml:1: found nothing, allowed is a map of seed_file, tick, services"},
      {"~", "web.yaml:1: found nothing, allowed is a map of seed_file, tick, services"},
      {"web", "web.yaml:1: found web, allowed is a map of seed_file, tick, services"},
      {"- services", "web.yaml:1: found a list, allowed is a map of seed_file, tick, services"},
      {"services:\n", "web.yaml:1: services: found nothing, allowed is a list of services"},
      {"services: {}", "web.yaml:1: services: found a map, allowed is a list of services"},
      {"{}",
       "web.yaml:1: services: found nothing, this key is required, allowed is a list of services"},
  });
}

TEST(ConfigYaml, NoAnchorsAliasesTagsDocuments) {
  expect_errors({
      {"services: &a []\n", "web.yaml:1: found an anchor (&), allowed are values alone, remove it"},
      {"a: x\nservices: *a\n",
       "web.yaml:2: this is not YAML (the referenced anchor is not defined at "
       "column 11)"},
      {"services: !!seq []\n", "web.yaml:1: found a tag (!), allowed are values alone, remove it"},
      {"services:\n- !include x\n",
       "web.yaml:2: found a tag (!), allowed are values alone, remove it"},
      {"services: []\n---\nservices: []\n",
       "web.yaml:2: found a second document, allowed is one, remove the line ---"},
      {"? [a]\n: b\n", "web.yaml:1: found a list or a map as a key, allowed are words"},
  });
  EXPECT_EQ(errors_of("%YAML 1.2\n---\nservices: []\n...\n"), "");
}

TEST(ConfigYaml, OnlyPlainUtf8) {
  expect_errors({
      {"\xef\xbb\xbfservices: []\n",
       "web.yaml:1: found a byte order mark, allowed is UTF-8 without one, save the file so"},
      {std::string("\xff\xfes\0e\0", 6),
       "web.yaml:1: found a byte order mark, allowed is UTF-8 without one, save the file so"},
      {"services: []\r\n",
       "web.yaml:1: found a carriage return, allowed are line feeds alone, save the file with Unix "
       "line "
       "ends"},
      {"services:\n\t- name: x\n",
       "web.yaml:2: found a tab in the indentation, allowed are spaces, write spaces"},
      {"services:\n  \t- name: x\n",
       "web.yaml:2: found a tab in the indentation, allowed are spaces, write spaces"},
      {std::string("services: []\n\0", 14),
       "web.yaml:2: found the control character 0x00, allowed is text, remove it"},
      {"# \x1b[31m\n", "web.yaml:1: found the control character 0x1b, allowed is text, remove it"},
      {"\n# caf\xe9\n",
       "web.yaml:2: found the byte 0xe9, which is not UTF-8, save the file as UTF-8"},
  });
  EXPECT_EQ(errors_of("services: []\t# caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x95\n"), "");
}

TEST(ConfigYaml, Utf8IsThatOfRfc3629) {
  for (const char* bad :
       {"\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xc3", "\xe2\x82", "\xc3("})
    EXPECT_TRUE(check_text(std::string("# ") + bad).has_value()) << bad;
  for (const char* good : {"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_FALSE(check_text(std::string("# ") + good).has_value()) << good;
}

TEST(ConfigYaml, DepthAndSizeAreBounded) {
  expect_errors({
      {"a: " + repeat("[", 100'000) + repeat("]", 100'000),
       "web.yaml:1: found more than 16 levels of lists and maps, a configuration has at most 8, "
       "remove "
       "some"},
      {repeat("- ", 100'000),
       "web.yaml:1: found more than 16 levels of lists and maps, a configuration "
       "has at most 8, remove some"},
      {repeat("[{", 2'000'000),
       "web.yaml: found more than 1500000 of the characters []{},:?&*!\"', "
       "which is more than a configuration can have"},
      {std::string((16u << 20) + 1, '#'),
       "web.yaml: found 16777217 bytes, allowed are at most 16777216 for a configuration"},
  });
}

// Every prefix of a good text, and every text with one byte changed to one that means something in
// YAML, comes to an end with errors or without.
TEST(ConfigYaml, DamagedTextsNeverCrash) {
  size_t refused = 0;
  for (size_t i = 0; i < kGoodConfig.size(); ++i) {
    refused += parse_config(kGoodConfig.substr(0, i), "web.yaml").errors.empty() ? 0 : 1;
    for (const char c : std::string_view("\0\n\t\"'#%&*,-:?@[]{|}~\xff", 22)) {
      std::string damaged(kGoodConfig);
      damaged[i] = c;
      const ConfigResult result = parse_config(damaged, "web.yaml");
      EXPECT_EQ(result.config.has_value(), result.errors.empty()) << damaged;
    }
  }
  EXPECT_GT(refused, 300u);
}

}  // namespace
}  // namespace belka
