package io.swav.data;

import java.io.IOException;
import java.util.function.LongPredicate;

/** A data set whose reads fail as those of a file server that restarts, for the samples and as long as {@code fails} says. */
final class FailingReads extends ForwardingDataSet {
    static final String PROBLEM = "Stale file handle";

    private final LongPredicate fails;

    FailingReads(DataSet data, LongPredicate fails) {
        super(data);
        this.fails = fails;
    }

    @Override
    public byte[] read(long sample) throws IOException {
        if (fails.test(sample)) {
            throw new IOException(PROBLEM);
        }
        return super.read(sample);
    }
}
