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
    public int size() {
        return source.size();
    }

    @Override
    public byte[] read(int sample) throws IOException {
        return source.read(sample);
    }

    @Override
    public int label(int sample) {
        return source.label(sample);
    }

    @Override
    public String name(int sample) {
        return source.name(sample);
    }

    @Override
    public String place(int sample) {
        return source.place(sample);
    }

    @Override
    public List<String> classNames() {
        return source.classNames();
    }

    @Override
    public long bytes(int sample) {
        return source.bytes(sample);
    }

    @Override
    public void close() {
        source.close();
    }
}
