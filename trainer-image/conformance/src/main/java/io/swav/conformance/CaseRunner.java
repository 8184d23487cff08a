package io.swav.conformance;

import io.swav.collective.CollectiveException;
import java.util.function.Consumer;

/** Runs one case. An exception makes it a failed case, so that the others still run. */
final class CaseRunner {
    private CaseRunner() {}

    /** Runs {@code body}. The exception for a lost peer is not the fault of the case and is rethrown. */
    static void run(String name, CaseReport report, Consumer<String> body) {
        if (!report.begin(name)) {
            return;
        }
        try {
            body.accept(name);
        } catch (CollectiveException e) {
            throw e;
        } catch (GoldenException e) {
            report.accept(GoldenCase.failed(name, String.valueOf(e.getMessage())));
        } catch (RuntimeException e) {
            report.accept(GoldenCase.failed(name, e.toString()));
        }
        report.end(name);
    }
}
