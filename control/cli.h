// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli_flags.h"

namespace belka {

enum ExitCode { kExitOk = 0, kExitFailed = 1, kExitUsage = 2 };

// Where a command writes: answers to `out`, sentences about what went wrong to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
};

// One command of belkactl. The table of them is what dispatches, what `help` prints and what usage
// errors show.
struct Command {
  std::string_view name;
  std::string_view usage;                    // behind the name
  std::string_view help;                     // one line
  std::vector<std::string_view> flags;       // that it takes
  size_t fewest_words, most_words;           // behind the name
  int (*run)(const CommandLine&, Console&);  // returns an ExitCode; may throw Error and UsageError
  std::string_view details = {};             // of `help COMMAND`: lines with an end each
};

const std::vector<Command>& commands();

// The whole of belkactl but main(): reads the arguments (without the program's name), runs the
// command and turns what it throws into sentences on `err`. Returns the exit code.
int run_belkactl(const std::vector<std::string>& arguments, Console& console);

}  // namespace belka
