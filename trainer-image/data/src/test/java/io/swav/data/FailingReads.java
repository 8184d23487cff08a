package io.swav.data;

import java.io.IOException;
import java.util.List;
import java.util.function.LongPredicate;

/** A data set whose reads fail as those of a file server that restarts, for the samples and as long as {@code fails} says. */
record FailingReads(DataSet data, LongPredicate fails) implements DataSet {
    static final String PROBLEM = "Stale file handle";

    @Override
    public byte[] read(long sample) throws IOException {
        if (fails.test(sample)) {
            throw new IOException(PROBLEM);
        }
        return data.read(sample);
    }

    @Override
    public long size() {
        return data.size();
    }

    @Override
    public int label(long sample) {
        return data.label(sample);
    }

    @Override
    public String name(long sample) {
        return data.name(sample);
    }

    @Override
    public String place(long sample) {
        return data.place(sample);
    }

    @Override
    public long bytes(long sample) {
        return data.bytes(sample);
    }

    @Override
    public List<String> classNames() {
        return data.classNames();
    }

    @Override
    public Inventory inventory() {
        return data.inventory();
    }

    @Override
    public DataFingerprint fingerprint() {
        return data.fingerprint();
    }

    @Override
    public void close() {
        data.close();
    }
}
