package io.swav.common;

/**
 * A random stream that is a pure function of its keys: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
 * number generators", OOPSLA 2014), seeded with a hash of the keys. It is written out here instead of taken from the
 * JDK, so that initial weights, sample order and crops stay the same on every Java version.
 */
public final class KeyedRandom {
    private static final long GAMMA = 0x9E3779B97F4A7C15L;
    private long state;

    private KeyedRandom(long state) {
        this.state = state;
    }

    /** Returns the stream of these keys. */
    public static KeyedRandom of(long... keys) {
        long state = GAMMA;
        for (long key : keys) {
            state = mix(state + GAMMA + mix(key + GAMMA));
        }
        return new KeyedRandom(state);
    }

    /**
     * Returns SplitMix64 that starts from {@code state} itself, as {@code java.util.SplittableRandom} of JDK 17 does with
     * its seed. Initial weights were first drawn from that class, and their bits are kept.
     */
    public static KeyedRandom ofState(long state) {
        return new KeyedRandom(state);
    }

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    public long nextLong() {
        state += GAMMA;
        return mix(state);
    }

    /** Uniform in [0, 1), 53 bits. */
    public double nextDouble() {
        return (nextLong() >>> 11) * 0x1.0p-53;
    }

    public double uniform(double from, double to) {
        return from + (to - from) * nextDouble();
    }

    /** Uniform in [0, bound); the bias of the multiplication is below bound / 2^63. */
    public int below(int bound) {
        return (int) Math.multiplyHigh(nextLong() >>> 1, (long) bound << 1);
    }

    public boolean chance(double probability) {
        return nextDouble() < probability;
    }

    /** Standard normal, by Marsaglia's polar method. */
    public double gaussian() {
        while (true) {
            double u = uniform(-1, 1);
            double v = uniform(-1, 1);
            double s = u * u + v * v;
            if (s > 0 && s < 1) {
                return u * StrictMath.sqrt(-2 * StrictMath.log(s) / s);
            }
        }
    }
}
