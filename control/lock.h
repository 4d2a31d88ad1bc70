// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "control/descriptor.h"

namespace belka {

// One daemon for one directory of pins: an flock(2) on the directory, which the kernel gives back
// however the process ends. Throws Error where another process has it, with its number if the
// kernel tells it.
class InstanceLock {
 public:
  explicit InstanceLock(const std::string& directory);

 private:
  Descriptor directory_;
};

}  // namespace belka
