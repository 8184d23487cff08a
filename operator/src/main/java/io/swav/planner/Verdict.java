package io.swav.planner;

/**
 * Says that a pod must not be in the world, although its object says that it is alive.
 *
 * @param fate what becomes of it
 * @param why without the pod's name
 */
record Verdict(Fate fate, String why) {
    /** What becomes of the pod. */
    enum Fate {
        /** It leaves the world, and may come back once it reports. */
        LOST,
        /** It is force-deleted, because it does not respond. */
        HUNG,
        /** It is deleted and replaced after a delay, because its peers do not reach it. */
        UNREACHABLE,
        /** It is force-deleted and counts as a failure, because its state differs again and again. */
        FAULTY
    }

    Verdict(boolean hung, String why) {
        this(hung ? Fate.HUNG : Fate.LOST, why);
    }

    static Verdict unreachable(String why) {
        return new Verdict(Fate.UNREACHABLE, why);
    }

    boolean hung() {
        return fate == Fate.HUNG;
    }
}
