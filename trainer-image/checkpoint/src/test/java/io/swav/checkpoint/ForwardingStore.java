package io.swav.checkpoint;

import java.io.IOException;
import java.util.List;
import java.util.function.Predicate;

/** Passes every call on, for tests that change one of them. */
class ForwardingStore implements Store {
    private final Store inner;

    ForwardingStore(Store inner) {
        this.inner = inner;
    }

    @Override
    public String uri() {
        return inner.uri();
    }

    @Override
    public List<String> names(String start) throws IOException {
        return inner.names(start);
    }

    @Override
    public Source open(String name) throws IOException {
        return inner.open(name);
    }

    @Override
    public Sink create(String name, DraftWriter writer) throws IOException {
        return inner.create(name, writer);
    }

    @Override
    public void delete(String name) throws IOException {
        inner.delete(name);
    }

    @Override
    public Draft draft(String folder, DraftWriter writer, UploadShare share) throws IOException {
        return inner.draft(folder, writer, share);
    }

    @Override
    public boolean refusesSecond(String name, byte[] content) throws IOException {
        return inner.refusesSecond(name, content);
    }

    @Override
    public void remove(String folder, String lastFile) throws IOException {
        inner.remove(folder, lastFile);
    }

    @Override
    public void sweep(DraftWriter writer, boolean others, Predicate<String> inUse) throws IOException {
        inner.sweep(writer, others, inUse);
    }

    @Override
    public void close() {
        inner.close();
    }
}
