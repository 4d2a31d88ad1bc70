// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace belka {

// What an operator wrote, fit for one line of an error: as it is where it is a plain word, else in
// single quotes, with every byte outside printable ASCII as \xNN (so that no input can drive a
// terminal), cut after 60 characters. An empty text is ''.
std::string quote(std::string_view text);

}  // namespace belka
