package io.swav.data;

import io.swav.common.KeyedRandom;

/**
 * A permutation of [0, size) that is computed number by number and takes no memory: a Feistel network over the next even
 * number of bits, applied again while its result is out of range ("cycle walking", Black and Rogaway, "Ciphers with
 * Arbitrary Finite Domains", CT-RSA 2002).
 */
final class FeistelPermutation {
    private static final int ROUNDS = 6;

    private final long size;
    private final int halfBits;
    private final long[] keys = new long[ROUNDS];

    /** @param size at least 1, at most 2^62 */
    FeistelPermutation(long seed, long epoch, long size) {
        this.size = size;
        int bits = Math.max(2, Long.SIZE - Long.numberOfLeadingZeros(size - 1));
        this.halfBits = (bits + 1) / 2;
        KeyedRandom random = KeyedRandom.of(seed, epoch);
        for (int round = 0; round < ROUNDS; round++) {
            keys[round] = random.nextLong();
        }
    }

    /** Returns the number at a position; at most four passes on average, as the network is over at most 4 · size numbers. */
    long at(long position) {
        long value = position;
        do {
            value = pass(value);
        } while (value >= size);
        return value;
    }

    private long pass(long value) {
        long mask = (1L << halfBits) - 1;
        long left = value >>> halfBits;
        long right = value & mask;
        for (long key : keys) {
            long next = left ^ (KeyedRandom.ofState(right ^ key).nextLong() & mask);
            left = right;
            right = next;
        }
        return left << halfBits | right;
    }
}
