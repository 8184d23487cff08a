package io.swav.data;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Seeded mutations of bytes. {@code -Dswav.fuzz=10000} sets the number of rounds; the default is for every build. */
final class Fuzz {
    static final int ROUNDS = Integer.getInteger("swav.fuzz", 300);
    private static final int MAX_CHANGES = 6;

    private Fuzz() {}

    /** Returns a copy in which some bytes from the first {@code head} are changed, and which may be cut. */
    static byte[] mutate(byte[] whole, int head, SplittableRandom random) {
        byte[] mutated = whole.clone();
        int changes = 1 + random.nextInt(MAX_CHANGES);
        for (int i = 0; i < changes; i++) {
            int at = random.nextInt(Math.min(head, mutated.length));
            mutated[at] = switch (random.nextInt(4)) {
                case 0 -> (byte) 0xff;
                case 1 -> 0;
                case 2 -> (byte) (mutated[at] ^ (1 << random.nextInt(8)));
                default -> (byte) random.nextInt();
            };
        }
        return random.nextInt(10) == 0 ? Arrays.copyOf(mutated, random.nextInt(mutated.length)) : mutated;
    }
}
