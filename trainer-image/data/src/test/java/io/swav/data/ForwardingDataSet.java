package io.swav.data;

import java.io.IOException;
import java.util.List;

/** A data set that reads another one; tests override what fails. */
class ForwardingDataSet implements DataSet {
    private final DataSet source;

    ForwardingDataSet(DataSet source) {
        this.source = source;
    }

    @Override
    public long size() {
        return source.size();
    }

    @Override
    public byte[] read(long sample) throws IOException {
        return source.read(sample);
    }

    @Override
    public int label(long sample) {
        return source.label(sample);
    }

    @Override
    public String name(long sample) {
        return source.name(sample);
    }

    @Override
    public String place(long sample) {
        return source.place(sample);
    }

    @Override
    public List<String> classNames() {
        return source.classNames();
    }

    @Override
    public long bytes(long sample) {
        return source.bytes(sample);
    }

    @Override
    public Inventory inventory() {
        return source.inventory();
    }

    @Override
    public DataFingerprint fingerprint() {
        return source.fingerprint();
    }

    @Override
    public void close() {
        source.close();
    }
}
