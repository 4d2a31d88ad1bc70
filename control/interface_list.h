// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace belka {

// The names in "eth0,eth1"; each once, in their order. Throws Error: an empty name, or one longer
// than the kernel's 15 characters.
std::vector<std::string> parse_interface_list(const std::vector<std::string>& lists);

// All that --interface says on a command line, however often it stands there.
std::vector<std::string> interfaces_on_command_line(int argc, char** argv);

}  // namespace belka
