# SPDX-License-Identifier: Apache-2.0
"""SipHash-1-3 from the paper (Aumasson and Bernstein, 2012), independent of bpf/split/siphash.h."""

MASK = (1 << 64) - 1


def rotate(word, bits):
    return (word << bits | word >> 64 - bits) & MASK


def sip_round(a, b, c, d):
    a = a + b & MASK
    b = rotate(b, 13) ^ a
    a = rotate(a, 32)
    c = c + d & MASK
    d = rotate(d, 16) ^ c
    a = a + d & MASK
    d = rotate(d, 21) ^ a
    c = c + b & MASK
    b = rotate(b, 17) ^ c
    return a, b, rotate(c, 32), d


def siphash(key, message, compressions, finalizations):
    key0, key1 = (int.from_bytes(key[at:at + 8], "little") for at in (0, 8))
    state = (key0 ^ 0x736f6d6570736575, key1 ^ 0x646f72616e646f6d,
             key0 ^ 0x6c7967656e657261, key1 ^ 0x7465646279746573)
    whole = len(message) // 8 * 8
    last = message[whole:].ljust(7, b"\0") + bytes([len(message) & 255])
    for at in range(0, whole + 8, 8):
        word = int.from_bytes((message[:whole] + last)[at:at + 8], "little")
        state = (*state[:3], state[3] ^ word)
        for _ in range(compressions):
            state = sip_round(*state)
        state = (state[0] ^ word, *state[1:])
    state = (state[0], state[1], state[2] ^ 0xff, state[3])
    for _ in range(finalizations):
        state = sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def siphash13(key, message):
    return siphash(key, message, 1, 3)


# The paper's own example (appendix A) holds the rounds and the padding.
assert siphash(bytes(range(16)), bytes(range(15)), 2, 4) == 0xa129ca6149be45e5
