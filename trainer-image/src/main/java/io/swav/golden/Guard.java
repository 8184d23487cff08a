package io.swav.golden;

import io.swav.collective.CollectiveException;
import java.util.function.Consumer;

/** Turns whatever is wrong with one case into a failed case, so that the others still run. */
final class Guard {
    private Guard() {}

    /** A lost peer is no fault of the case and goes on up. */
    static void run(String name, Consumer<GoldenCase> report, Consumer<String> body) {
        try {
            body.accept(name);
        } catch (CollectiveException e) {
            throw e;
        } catch (GoldenException e) {
            report.accept(GoldenCase.failed(name, String.valueOf(e.getMessage())));
        } catch (RuntimeException e) {
            report.accept(GoldenCase.failed(name, e.toString()));
        }
    }
}
