package io.swav.data;

import java.io.IOException;
import java.util.function.IntPredicate;

/** A data set whose reads fail as those of a file server that restarts, for the samples and as long as {@code fails} says. */
record FailingReads(DataSet data, IntPredicate fails) implements DataSet {
    static final String PROBLEM = "Stale file handle";

    @Override
    public byte[] read(int sample) throws IOException {
        if (fails.test(sample)) {
            throw new IOException(PROBLEM);
        }
        return data.read(sample);
    }

    @Override
    public int size() {
        return data.size();
    }

    @Override
    public int label(int sample) {
        return data.label(sample);
    }

    @Override
    public String name(int sample) {
        return data.name(sample);
    }

    @Override
    public String place(int sample) {
        return data.place(sample);
    }

    @Override
    public long bytes(int sample) {
        return data.bytes(sample);
    }

    @Override
    public void close() {
        data.close();
    }
}
