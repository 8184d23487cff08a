package io.swav.conformance;

import java.util.function.Consumer;

/** Gets each result, and hears of each case before and after it runs. */
interface CaseReport extends Consumer<GoldenCase> {
    /** Whether to run the case of this name: it is not if an earlier process ran it, or died in it. */
    boolean begin(String name);

    /** The case has given all of its results. */
    void end(String name);
}
