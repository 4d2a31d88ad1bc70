/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Another version of the XDP program, for tests of upgrades: it trusts a heartbeat for fewer
 * packets. That is another constant in its instructions, so belkad_next, which is built with it,
 * puts it in the place of belkad's and the other way about; what becomes of a packet is the same.
 */
#include "split/tables.h"
#define HEARTBEAT_TRUSTED_PACKETS 2
#include "bpf/belka.bpf.c"
