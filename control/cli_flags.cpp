// SPDX-License-Identifier: Apache-2.0
#include "control/cli_flags.h"

#include <fmt/format.h>
#include <gflags/gflags.h>

#include <algorithm>
#include <optional>
#include <span>

#include "control/quote.h"
#include "control/unix_socket.h"

DEFINE_string(socket, belka::kDefaultSocket, "PATH  belkad's Unix socket");
DEFINE_string(pins, "/sys/fs/bpf/belka",
              "DIR  read the tables pinned here instead of asking belkad");
DEFINE_string(tables, "", "FILE  read a file of tables instead of asking belkad");
DEFINE_string(config, "", "FILE  make the tables from this configuration, with no daemon");
DEFINE_string(file, "", "FILE  the configuration, - for standard input");
DEFINE_string(output, "table", "FORMAT  table or json");
DEFINE_string(out, "", "PATH  the file of tables to write");
DEFINE_string(next_hop, "", "MAC  where every backend's packets go");
DEFINE_string(source_mac, "", "MAC  what they come from");
DEFINE_string(outer_source, "192.0.2.1,2001:db8::1",
              "ADDRESSES  sources of outer headers, of IPv4, of IPv6, or one of each");
DEFINE_uint32(ifindex, 1, "N  the interface that packets come in and leave by");
DEFINE_uint32(mtu, 1500, "BYTES  of that interface");
DEFINE_bool(gentle, false,
            "wait 4 s before slots change, so that a SYN sent again meanwhile stays where it was");
DEFINE_bool(
    hard, false,
    "cut connections at once: of split and apply those in the slots that move, of drain-limit "
    "those that are elsewhere");
DEFINE_bool(break_connections, false, "accept a change that cuts connections whatever is done");

namespace belka {
namespace {

constexpr std::string_view kFlags[] = {"socket", "pins",     "tables",     "config",
                                       "file",   "output",   "out",        "ifindex",
                                       "mtu",    "next_hop", "source_mac", "outer_source"};
constexpr std::string_view kSwitches[] = {"gentle", "hard", "break_connections"};

struct FlagWord {
  std::string name;  // as gflags knows it
  std::optional<std::string> value;
};

FlagWord split_flag(std::string_view argument) {
  argument.remove_prefix(argument.starts_with("--") ? 2 : 1);
  FlagWord word;
  const size_t equals = argument.find('=');
  word.name = argument.substr(0, equals);
  std::replace(word.name.begin(), word.name.end(), '-', '_');
  if (word.name == "f") word.name = "file";
  if (word.name == "o") word.name = "output";
  if (equals != std::string_view::npos) word.value = argument.substr(equals + 1);
  return word;
}

// As people write it: gflags names are identifiers.
std::string shown(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

void set_flag(const FlagWord& word) {
  // gflags says nothing where it sets, and returns an empty text where it does not.
  if (gflags::SetCommandLineOption(word.name.c_str(), word.value->c_str()).empty()) {
    throw UsageError(fmt::format("{}: found {}, allowed is a whole number from 0 to 4294967295",
                                 shown(word.name), quote(*word.value)));
  }
}

bool is_one_of(std::span<const std::string_view> names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// A switch stands alone.
void set_switch(FlagWord& word) {
  if (word.value)
    throw UsageError(fmt::format("{} takes no value, found {}", shown(word.name), *word.value));
  word.value = "true";
}

void copy_flags(CommandLine& line) {
  line.socket = FLAGS_socket;
  line.pins = FLAGS_pins;
  line.tables = FLAGS_tables;
  line.config = FLAGS_config;
  line.file = FLAGS_file;
  line.output = FLAGS_output;
  line.out = FLAGS_out;
  line.next_hop = FLAGS_next_hop;
  line.source_mac = FLAGS_source_mac;
  line.outer_source = FLAGS_outer_source;
  line.ifindex = FLAGS_ifindex;
  line.mtu = FLAGS_mtu;
  line.gentle = FLAGS_gentle;
  line.hard = FLAGS_hard;
  line.break_connections = FLAGS_break_connections;
}

}  // namespace

CommandLine parse_command_line(std::vector<std::string> arguments) {
  CommandLine line;
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      line.words.insert(line.words.end(), arguments.begin() + static_cast<ptrdiff_t>(i) + 1,
                        arguments.end());
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      line.words.push_back(argument);
      continue;
    }
    FlagWord word = split_flag(argument);
    if (word.name == "help" || word.name == "h") {
      line.help = true;
      continue;
    }
    const bool is_switch = is_one_of(kSwitches, word.name);
    if (!is_switch && !is_one_of(kFlags, word.name)) {
      throw UsageError(fmt::format("found {}, which is no flag of belkactl", quote(argument)));
    }
    if (is_switch) {
      set_switch(word);
    } else if (!word.value) {
      if (++i == arguments.size()) {
        throw UsageError(fmt::format("{} wants a value", shown(word.name)));
      }
      word.value = arguments[i];
    }
    set_flag(word);
    if (!line.given.insert(word.name).second) {
      throw UsageError(fmt::format("{} is given twice", shown(word.name)));
    }
  }
  copy_flags(line);
  if (line.output != "table" && line.output != "json") {
    throw UsageError(
        fmt::format("--output: found {}, allowed is table or json", quote(line.output)));
  }
  return line;
}

std::string flag_help(std::string_view flag) {
  const auto info = gflags::GetCommandLineFlagInfoOrDie(std::string(flag).c_str());
  if (info.type == "bool") return fmt::format("  {:<28}  {}\n", shown(info.name), info.description);
  const size_t end = info.description.find("  ");
  std::string name = shown(info.name) + "=" + info.description.substr(0, end);
  if (flag == "file") name = "-f, " + name;
  if (flag == "output") name = "-o, " + name;
  std::string text = info.description.substr(end + 2);
  if (!info.default_value.empty()) text += fmt::format(" ({})", info.default_value);
  return fmt::format("  {:<28}  {}\n", name, text);
}

}  // namespace belka
