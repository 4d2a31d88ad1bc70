// SPDX-License-Identifier: Apache-2.0
#include "control/interface_list.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>

#include "control/error.h"
#include "control/quote.h"

namespace belka {

std::vector<std::string> parse_interface_list(const std::vector<std::string>& lists) {
  std::vector<std::string> names;
  for (const std::string& list : lists) {
    for (size_t begin = 0; begin <= list.size();) {
      const size_t end = std::min(list.find(',', begin), list.size());
      const std::string name = list.substr(begin, end - begin);
      if (name.empty() || name.size() >= IFNAMSIZ) {
        throw Error(
            fmt::format("--interface={} names {}: allowed are names of 1 to {} characters "
                        "with commas between them",
                        quote(list), quote(name), IFNAMSIZ - 1));
      }
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
      begin = end + 1;
    }
  }
  return names;
}

std::vector<std::string> interfaces_on_command_line(int argc, char** argv) {
  constexpr std::string_view kFlag = "interface";
  std::vector<std::string> lists;
  for (int i = 1; i < argc; i++) {
    std::string_view word = argv[i];
    if (word == "--") break;
    if (!word.starts_with('-')) continue;
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    if (!word.starts_with(kFlag)) continue;
    word.remove_prefix(kFlag.size());
    if (word.starts_with('=')) {
      lists.emplace_back(word.substr(1));
    } else if (word.empty() && i + 1 < argc) {
      lists.emplace_back(argv[++i]);
    }
  }
  return parse_interface_list(lists);
}

}  // namespace belka
