package io.swav.conformance;

import io.swav.collective.CollectiveException;
import java.util.function.Consumer;

/** Runs one case, and turns whatever is wrong with it into a failed case, so that the others still run. */
final class CaseRunner {
    private CaseRunner() {}

    /** A lost peer is no fault of the case: its exception goes on up. */
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
