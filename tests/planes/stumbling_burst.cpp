// SPDX-License-Identifier: Apache-2.0
#include "tests/planes/stumbling_burst.h"

#include <rte_prefetch.h>

#include <algorithm>
#include <cstring>

#include "tests/support/stumbling_access.h"

#define burst_decide stumbling_burst_decide
#define burst_ask stumbling_burst_ask
#define burst_rewrite stumbling_burst_rewrite
#define burst_split stumbling_burst_split
#define burst_finish stumbling_burst_finish
#include "dataplane/burst.cpp"
