// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "control/descriptor.h"

namespace belka {

// One daemon for one directory of pins, or of state: an flock(2) on the directory, which the kernel
// gives back however the process ends. Throws Error where another process has it, with its number
// if the kernel tells it: "another belkad `does` <directory>: ... give this one another `flag`".
class InstanceLock {
 public:
  InstanceLock(const std::string& directory, const char* does, const char* flag);

 private:
  Descriptor directory_;
};

}  // namespace belka
