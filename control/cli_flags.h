// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace belka {

// A command line that cannot be meant: belkactl prints it with the usage and exits 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What stands on belkactl's command line.
struct CommandLine {
  std::vector<std::string> words;  // the command and its arguments, without flags
  std::set<std::string> given;     // names of the flags that were given, long form
  bool help = false;
  std::string socket;
  std::string pins;
  std::string tables;
  std::string config;
  std::string file;
  std::string output = "table";
  std::string out;
  std::string next_hop;
  std::string source_mac;
  std::string outer_source;
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  bool gentle = false;
  bool hard = false;
  bool break_connections = false;

  bool has(const std::string& flag) const { return given.count(flag) != 0; }
};

// Reads the flags with gflags, wherever they stand; `--` ends them. -f and -o are --file and
// --output. Throws UsageError for an unknown flag, one without its value, or a value that its type
// does not have. Flags are globals: call it once, or under a gflags::FlagSaver.
CommandLine parse_command_line(std::vector<std::string> arguments);

// The help line of a flag, such as "--socket=PATH  ...".
std::string flag_help(std::string_view flag);

}  // namespace belka
