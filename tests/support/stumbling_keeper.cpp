// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stumbling_keeper.h"

#include <algorithm>

#include "tests/support/stumbling_access.h"

#define Keeper StumblingKeeper
#include "control/keeper.cpp"
