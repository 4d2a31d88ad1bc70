// SPDX-License-Identifier: Apache-2.0
#pragma once
// The daemon's Keeper, stopped now and then between two accesses to shared memory
// (stumbling_access.h).
#define Keeper StumblingKeeper
#include "control/keeper.h"
#undef Keeper
