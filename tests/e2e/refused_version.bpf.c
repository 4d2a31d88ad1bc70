/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A version of the XDP program that every kernel refuses: it reads memory that it was given no
 * pointer to. belkad_refused is built with it.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#define bpf_jiffies64() (*(volatile __u64*)4096)
#include "bpf/belka.bpf.c"
