// SPDX-License-Identifier: Apache-2.0
#include "tests/planes/stumbling_burst.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>

#include "tests/support/stumbling_access.h"

#define burst_split stumbling_burst_split
#define burst_finish stumbling_burst_finish
#include "dataplane/burst.cpp"
