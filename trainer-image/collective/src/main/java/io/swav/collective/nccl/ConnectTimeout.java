package io.swav.collective.nccl;

import io.swav.collective.CollectiveException;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * How long the creation of a communicator may take.
 *
 * @param cancelled polled; true ends the attempt
 */
record ConnectTimeout(Duration deadline, BooleanSupplier cancelled) {
    /**
     * @return true
     * @throws CollectiveException if the attempt was cancelled
     */
    boolean stillWanted() {
        if (cancelled.getAsBoolean()) {
            throw new CollectiveException("the creation of the communicator was cancelled");
        }
        return true;
    }
}
