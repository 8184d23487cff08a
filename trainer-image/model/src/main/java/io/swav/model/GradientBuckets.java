package io.swav.model;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Divides the flat array of gradients into buckets that are summed over ranks as soon as backward has finished them.
 * Backward proceeds from the end of the array to its beginning, so the buckets at the beginning are small: little is
 * left to wait for when backward ends. Buckets are reported in that order on every rank, whichever was ready first.
 */
final class GradientBuckets {
    /** Size of the first bucket of the array, which is summed last; each bucket after it may be twice as large. */
    private static final long FIRST_BYTES = 256 << 10;

    /** Receives elements [from, to) when they are final. */
    @FunctionalInterface
    interface Ready {
        void span(long from, long to);
    }

    private final Ready ready;
    private final Map<String, Integer> bucketOf = new HashMap<>();
    /** For each bucket, from the beginning of the array: where it begins, and its parameters that are not final. */
    private final List<Long> starts = new ArrayList<>();

    private final List<Integer> missing = new ArrayList<>();
    private final long size;
    private int due;

    /**
     * Divides an array into buckets.
     *
     * @param size elements of the array; what lies behind the parameters is final with the last bucket
     * @param mostBytes largest size of a bucket, unless one parameter alone is larger; 0 for a single bucket
     */
    GradientBuckets(FlatLayout parameters, long size, long mostBytes, Ready ready) {
        this.size = size;
        this.ready = ready;
        long room = 0;
        for (FlatLayout.ParameterSlot slot : parameters.slots()) {
            long bytes = slot.shape().size() * Float.BYTES;
            if (starts.isEmpty() || (mostBytes > 0 && bytes > room)) {
                room = Math.min(mostBytes, FIRST_BYTES << Math.min(starts.size(), 20));
                starts.add(slot.offset());
                missing.add(0);
            }
            room -= bytes;
            int bucket = starts.size() - 1;
            bucketOf.put(slot.name(), bucket);
            missing.set(bucket, missing.get(bucket) + 1);
        }
        this.due = starts.size() - 1;
    }

    int count() {
        return starts.size();
    }

    /** Marks the gradient of {@code name} as final. */
    void done(String name) {
        Integer bucket = bucketOf.get(name);
        if (bucket == null || missing.get(bucket) == 0) {
            throw new IllegalStateException("the gradient of " + name + " is no longer awaited");
        }
        missing.set(bucket, missing.get(bucket) - 1);
        while (due >= 0 && missing.get(due) == 0) {
            ready.span(starts.get(due), due == starts.size() - 1 ? size : starts.get(due + 1));
            due--;
        }
    }

    /** Returns whether every bucket has been reported. */
    boolean complete() {
        return due < 0;
    }
}
