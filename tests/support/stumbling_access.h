// SPDX-License-Identifier: Apache-2.0
#pragma once
// For the file of a test that includes a source of the product after this: the same code, stopped
// now and then before an access to shared memory, so that threads race at every one of them, on a
// busy machine too.
#include "tests/support/stumble.h"

#define __atomic_load_n(...) (belka::stumble(), __atomic_load_n(__VA_ARGS__))
#define __atomic_store_n(...) (belka::stumble(), __atomic_store_n(__VA_ARGS__))
#define __atomic_compare_exchange_n(...) \
  (belka::stumble(), __atomic_compare_exchange_n(__VA_ARGS__))
