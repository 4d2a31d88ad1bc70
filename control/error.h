// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace belka {

// A fault of the set-up: no rights, no bpffs, an unknown interface. what() is one sentence with the
// value, what is allowed and the remedy; main prints it and exits 1. Faults in what an operator
// wrote are values (ConfigError, ShareFault), since all of them are shown at once.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace belka
