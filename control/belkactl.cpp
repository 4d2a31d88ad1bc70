// SPDX-License-Identifier: Apache-2.0
// The control CLI; everything is in control/cli.cpp, where tests can reach it.
#include <iostream>

#include "control/cli.h"

int main(int argc, char** argv) {
  belka::Console console{std::cout, std::cerr};
  const int status = belka::run_belkactl({argv + 1, argv + argc}, console);
  if (std::cout.flush()) return status;
  std::cerr << "belkactl: cannot write the output: is the disk full, or the reader gone?\n";
  return status == 0 ? 1 : status;
}
