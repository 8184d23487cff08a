package io.swav.data;

import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/** Passes everything on to another source, which is closed with it; subclasses change what they are for. */
class ForwardingSource implements FileSource {
    private final FileSource source;

    ForwardingSource(FileSource source) {
        this.source = source;
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
    public Optional<FolderSource> folder() {
        return source.folder();
    }

    @Override
    public FileSource uncached() {
        return source.uncached();
    }

    @Override
    public int efficientRead() {
        return source.efficientRead();
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) throws IOException {
        return source.read(file, offset, length);
    }

    @Override
    public InputStream open(SourceFile file, long offset) throws IOException {
        return source.open(file, offset);
    }

    @Override
    public void close() {
        source.close();
    }
}
