package io.swav.learning;

import java.util.BitSet;
import java.util.OptionalDouble;

/**
 * The share of prototypes that were no crop's best within a window of steps. A window has ten crops for each prototype, so
 * that of prototypes which are chosen equally often hardly one is missed. Windows begin at multiples of their length, so
 * they are the same on every rank and after every resume.
 */
public final class DeadPrototypes {
    private static final int CROPS_EACH = 10;

    private final int prototypes;
    private final long window;
    private BitSet chosen = new BitSet();
    /** The step that would continue the window; -1 if none is begun. */
    private long next = -1;

    /**
     * @param prototypes K
     * @param crops assigned crops of a global batch
     */
    public DeadPrototypes(int prototypes, long crops) {
        this.prototypes = prototypes;
        this.window = Math.max(1, ((long) CROPS_EACH * prototypes + crops - 1) / crops);
    }

    /**
     * Adds a step.
     *
     * @param step counted from 0
     * @param best the prototypes that are some crop's best in it
     * @return the share, if a window that was seen whole ends with this step
     */
    public OptionalDouble add(long step, BitSet best) {
        if (step % window == 0) {
            chosen = new BitSet(prototypes);
        } else if (step != next) {
            next = -1;
            return OptionalDouble.empty();
        }
        chosen.or(best);
        next = step + 1;
        return next % window == 0
                ? OptionalDouble.of(1 - (double) chosen.cardinality() / prototypes)
                : OptionalDouble.empty();
    }
}
