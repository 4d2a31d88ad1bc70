#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints a digest of the bytes of each pinned table: table_digests.py [--hex] PINS [TABLE...]

With --hex the bytes themselves instead."""

import hashlib
import sys

import table_reader

TABLES = ("services", "slots", "backends", "service_info", "interfaces", "node")

words = [word for word in sys.argv[1:] if word != "--hex"]
for table in words[1:] or TABLES:
    found = table_reader.contents(f"{words[0]}/{table}")
    print(table, found.hex() if "--hex" in sys.argv else hashlib.sha256(found).hexdigest())
