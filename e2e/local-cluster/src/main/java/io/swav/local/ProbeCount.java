package io.swav.local;

/** Applies the thresholds of one probe: the state changes after that many equal results in a row. */
final class ProbeCount {
    enum Change {
        PASSED,
        FAILED,
        UNCHANGED
    }

    private final int successThreshold;
    private final int failureThreshold;
    private Change current = Change.UNCHANGED;
    private int successes;
    private int failures;

    ProbeCount(int successThreshold, int failureThreshold) {
        this.successThreshold = successThreshold;
        this.failureThreshold = failureThreshold;
    }

    Change add(boolean success) {
        successes = success ? successes + 1 : 0;
        failures = success ? 0 : failures + 1;
        Change next = successes >= successThreshold
                ? Change.PASSED
                : failures >= failureThreshold ? Change.FAILED : Change.UNCHANGED;
        if (next == Change.UNCHANGED || next == current) {
            return Change.UNCHANGED;
        }
        current = next;
        return next;
    }
}
