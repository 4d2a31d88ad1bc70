// SPDX-License-Identifier: Apache-2.0
#include "control/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "control/cli_commands.h"
#include "control/error.h"
#include "control/quote.h"

namespace belka {
namespace {

std::string usage_of(const Command& command) {
  return fmt::format("belkactl {}{}{}", command.name, command.usage.empty() ? "" : " ",
                     command.usage);
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

std::string all_help() {
  std::string text =
      "belkactl: shows and changes how Belka splits connections\n\n"
      "usage: belkactl COMMAND [ARGUMENTS] [FLAGS]\n\n";
  for (const Command& command : commands())
    text += fmt::format("  {:<11}  {}\n", command.name, command.help);
  return text +
         "\n`belkactl help COMMAND` says what it takes. Exit: 0 done, 1 failed, 2 not "
         "understood.\n";
}

std::string command_help(const Command& command) {
  std::string text = fmt::format("usage: {}\n\n{}\n", usage_of(command), command.help);
  if (!command.flags.empty()) text += "\n";
  for (const std::string_view flag : command.flags) text += flag_help(flag);
  return command.details.empty() ? text : fmt::format("{}\n{}", text, command.details);
}

std::string command_names() {
  std::string names;
  for (const Command& command : commands())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", command.name);
  return names;
}

const Command& require_command(std::string_view name) {
  const Command* command = find_command(name);
  if (command != nullptr) return *command;
  throw UsageError(
      fmt::format("found {}, which is no command; there are {}", quote(name), command_names()));
}

int run_help(const CommandLine& line, Console& console) {
  console.out << (line.words.size() == 1 ? all_help()
                                         : command_help(require_command(line.words[1])));
  return kExitOk;
}

std::string allowed_words(const Command& command) {
  if (command.most_words == 0) return "is none";
  if (command.fewest_words == command.most_words)
    return fmt::format("{} {}", command.most_words == 1 ? "is" : "are", command.most_words);
  return fmt::format("are {} to {}", command.fewest_words, command.most_words);
}

void check_usage(const Command& command, const CommandLine& line) {
  const size_t words = line.words.size() - 1;
  if (words < command.fewest_words || words > command.most_words) {
    throw UsageError(fmt::format("found {} argument{} to {}, allowed {}", words,
                                 words == 1 ? "" : "s", command.name, allowed_words(command)));
  }
  for (const std::string& given : line.given) {
    if (std::find(command.flags.begin(), command.flags.end(), given) == command.flags.end()) {
      std::string shown = given;
      std::replace(shown.begin(), shown.end(), '_', '-');
      throw UsageError(fmt::format("{} does not take --{}", command.name, shown));
    }
  }
}

int dispatch(const CommandLine& line, const Command*& command, Console& console) {
  if (line.words.empty()) {
    (line.help ? console.out : console.err) << all_help();
    return line.help ? kExitOk : kExitUsage;
  }
  command = &require_command(line.words[0]);
  if (line.help) {
    console.out << command_help(*command);
    return kExitOk;
  }
  check_usage(*command, line);
  return command->run(line, console);
}

constexpr std::string_view kDrainsDetails =
    "`get drains` shows the services of which a change is on its way, or that have a drain-limit.\n"
    "Of their slots:\n"
    "  HELD         wait 4 s, so that SYNs sent again stay where they were; then they change\n"
    "  OPENING      have changed, and wait the idle time until every old connection has spoken\n"
    "  LOOKING      keep the connections that are elsewhere than the slot sends new ones\n"
    "  CONNECTIONS  those elsewhere, as the last sweep counted them\n"
    "  OLDEST       since the first of these slots began to keep connections\n"
    "  LIMIT        `drain-limit`: what is elsewhere longer is cut\n"
    "  LEAVING      backends that are removed when the last slot and connection has left them\n";

const std::vector<Command> kCommands = {
    {"apply",
     "-f FILE",
     "put a configuration into force; says what changed",
     {"file", "gentle", "hard", "break_connections", "output", "socket"},
     0,
     0,
     run_apply},
    {"plan",
     "-f FILE",
     "say what apply would change: slots, pools and backends",
     {"file", "gentle", "hard", "output", "socket", "pins", "tables"},
     0,
     0,
     run_plan},
    {"check",
     "-f FILE",
     "find every error of a configuration, with no daemon",
     {"file"},
     0,
     0,
     run_check},
    {"split",
     "SERVICE POOL=SHARE...",
     "give pools other shares: split web canary=5% baseline=match",
     {"gentle", "hard", "output", "socket"},
     2,
     64,
     run_split},
    {"drain-limit",
     "SERVICE TIME | SERVICE --hard",
     "keep connections elsewhere for so long after a change (0s: while they live), or no more",
     {"hard", "output", "socket"},
     1,
     2,
     run_drain_limit},
    {"backend",
     "drain|undrain|disable ADDRESS [SERVICE]",
     "give a backend no new connections (drain), none at all (disable), or all that it is due",
     {"gentle", "output", "socket"},
     2,
     3,
     run_backend},
    {"get",
     "services|pools|backends|drains",
     "list what is in force",
     {"output", "socket", "pins", "tables"},
     1,
     1,
     run_get,
     kDrainsDetails},
    {"status", "", "show interfaces, planes and services", {"output", "socket"}, 0, 0, run_status},
    {"stats",
     "",
     "show shares wanted, in force and observed, and what became of packets",
     {"output", "socket", "pins", "tables"},
     0,
     0,
     run_stats},
    {"explain",
     "'SRC:PORT > VIP:PORT/tcp'",
     "say where a connection goes, stage by stage",
     {"config", "output", "socket", "pins", "tables"},
     1,
     5,
     run_explain},
    {"tables",
     "-f FILE --out=PATH --next-hop=MAC --source-mac=MAC",
     "write a file of tables for belka-dataplane --tables=PATH, with no daemon",
     {"file", "out", "next_hop", "source_mac", "ifindex", "mtu", "outer_source"},
     0,
     0,
     run_tables},
    {"version", "", "print the version", {}, 0, 0, run_version},
    {"help", "[COMMAND]", "print this, or what a command takes", {}, 0, 1, run_help},
};

}  // namespace

const std::vector<Command>& commands() { return kCommands; }

int run_belkactl(const std::vector<std::string>& arguments, Console& console) {
  const Command* command = nullptr;
  try {
    return dispatch(parse_command_line(arguments), command, console);
  } catch (const UsageError& error) {
    console.err << "belkactl: " << error.what() << "\n"
                << (command != nullptr ? "usage: " + usage_of(*command)
                                       : std::string("`belkactl help` lists the commands"))
                << "\n";
    return kExitUsage;
  } catch (const std::exception& error) {
    console.err << "belkactl: " << error.what() << "\n";
    return kExitFailed;
  }
}

}  // namespace belka
