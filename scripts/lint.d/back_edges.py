#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Finds, in BPF objects, the loops that the verifier of Linux 6.1 refuses.

Usage: scripts/lint.d/back_edges.py OBJECT...      prints each such loop, exit 1 if there is one

That verifier accepts a jump back to an instruction that it is still exploring, but no fall-through to one: "back-edge
from insn A to B" (push_insn and visit_insn of kernel/bpf/verifier.c, Linux 6.1). Newer ones accept both. clang lays out
a loop either way, so that a program may load or not after any change of its source. This is the search of check_cfg,
function by function, in its order.
"""

import struct
import sys

from elftools.elf.elffile import ELFFile

INSTRUCTION_BYTES = 8
LOAD_64 = 0x18  # BPF_LD | BPF_IMM | BPF_DW: two places
CLASS_JUMP, CLASS_JUMP32 = 5, 6
ALWAYS, CALL, EXIT = 0x00, 0x80, 0x90  # BPF_JA, BPF_CALL, BPF_EXIT


class Function:
    """The instructions of one function: (opcode, jump offset) by place."""

    def __init__(self, name, code):
        self.name = name
        self.code = [struct.unpack_from("<BxhI", code, at)[:2] for at in range(0, len(code), INSTRUCTION_BYTES)]

    def edges(self, place):
        """(next place, whether an edge back is accepted), in the verifier's order."""
        opcode, offset = self.code[place]
        if opcode & 7 not in (CLASS_JUMP, CLASS_JUMP32):
            return [(place + (2 if opcode == LOAD_64 else 1), False)]
        operation = opcode & 0xF0
        if operation == EXIT:
            return []
        if operation == CALL:
            return [(place + 1, False)]
        target = place + 1 + offset
        return [(target, True)] if operation == ALWAYS else [(place + 1, True), (target, True)]

    def refused_edges(self):
        """Depth first from the first instruction: the fall-throughs to a place that is still being explored."""
        refused, done, exploring = [], set(), {0}
        path = [(0, iter(self.edges(0)))]
        while path:
            place, edges = path[-1]
            for target, accepted in edges:
                if target in exploring and not accepted:
                    refused.append((place, target))
                elif target not in exploring and target not in done:
                    exploring.add(target)
                    path.append((target, iter(self.edges(target))))
                    break
            else:
                exploring.discard(place)
                done.add(place)
                path.pop()
        return refused


def functions(path):
    with open(path, "rb") as file:
        elf = ELFFile(file)
        if elf["e_machine"] != "EM_BPF":
            raise ValueError(f"{path} is for {elf['e_machine']}; expected an object for BPF")
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            if symbol["st_info"]["type"] == "STT_FUNC":
                begin, size = symbol["st_value"], symbol["st_size"]
                yield Function(symbol.name, elf.get_section(symbol["st_shndx"]).data()[begin:begin + size])


def main():
    found = 0
    for path in sys.argv[1:]:
        for function in functions(path):
            for place, target in function.refused_edges():
                found += 1
                print(f"{path}: {function.name}: instruction {place} falls through to {target}, the head of a loop")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
