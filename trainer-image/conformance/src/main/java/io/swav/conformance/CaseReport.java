package io.swav.conformance;

import java.util.function.Consumer;

/** Receives each result, and the begin and end of each case. */
interface CaseReport extends Consumer<GoldenCase> {
    /** Whether to run the case of this name: false if an earlier process ran it or died in it. */
    boolean begin(String name);

    /** Records that the case has reported all of its results. */
    void end(String name);
}
