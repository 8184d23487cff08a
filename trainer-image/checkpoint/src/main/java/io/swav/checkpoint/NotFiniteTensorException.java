package io.swav.checkpoint;

import java.io.IOException;

/** Reports that values to be written are not finite: writing them again would fail again. */
@SuppressWarnings("serial")
final class NotFiniteTensorException extends IOException {
    /** @param element index of the first such value, row-major */
    NotFiniteTensorException(String tensor, long element) {
        super(describe(tensor, element));
    }

    static String describe(String tensor, long element) {
        return tensor + " holds NaN or infinity, first at element " + element;
    }
}
