package io.swav.model;

/**
 * How many earlier features Sinkhorn sees beside those of the step.
 *
 * @param steps steps whose features the queue keeps; 0 for no queue
 * @param fromEpoch epoch, counted from 0, from whose first step on features enter it
 */
public record QueueSettings(int steps, long fromEpoch) {
    /** No queue: the paper's method for large batches. */
    public static final QueueSettings NONE = new QueueSettings(0, 0);

    public QueueSettings {
        if (steps < 0 || fromEpoch < 0) {
            throw new IllegalArgumentException(
                    "a queue of " + steps + " steps from epoch " + fromEpoch + ": neither can be negative");
        }
    }

    /**
     * Returns the settings of a queue of {@code length} features of every assigned crop, rounded down to whole global
     * batches of {@code batch} as the paper's are.
     *
     * @throws IllegalArgumentException if it does not hold one batch
     */
    static QueueSettings of(int length, long fromEpoch, int batch) {
        if (length < batch) {
            throw new IllegalArgumentException(
                    "assignment.queue.length " + length + " holds no batch of training.globalBatch " + batch);
        }
        return new QueueSettings(length / batch, fromEpoch);
    }

    boolean isOn() {
        return steps > 0;
    }
}
