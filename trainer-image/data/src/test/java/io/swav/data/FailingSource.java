package io.swav.data;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** A source whose files can be listed, and read only as long as there is no failure. It counts what is asked of it. */
final class FailingSource implements FileSource {
    final AtomicLong listed = new AtomicLong();
    final AtomicLong reads = new AtomicLong();
    final AtomicLong bytes = new AtomicLong();
    private final FileSource source;
    private volatile Optional<IOException> failure;

    FailingSource(FileSource source, IOException failure) {
        this.source = source;
        this.failure = Optional.of(failure);
    }

    FailingSource(FileSource source) {
        this.source = source;
        this.failure = Optional.empty();
    }

    private void count() throws IOException {
        reads.incrementAndGet();
        if (failure.isPresent()) {
            throw failure.get();
        }
    }

    @Override
    public String uri() {
        return source.uri();
    }

    @Override
    public String place(String name) {
        return source.place(name);
    }

    @Override
    public void list(Visitor visitor) throws IOException {
        listed.incrementAndGet();
        source.list(visitor);
    }

    @Override
    public Optional<SourceFile> find(String name) throws IOException {
        return source.find(name);
    }

    @Override
    public Optional<String> folderVersion(String folder) throws IOException {
        return source.folderVersion(folder);
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) throws IOException {
        count();
        bytes.addAndGet(length);
        return source.read(file, offset, length);
    }

    @Override
    public InputStream open(SourceFile file, long offset) throws IOException {
        count();
        return source.open(file, offset);
    }

    @Override
    public void close() {
        source.close();
    }
}
