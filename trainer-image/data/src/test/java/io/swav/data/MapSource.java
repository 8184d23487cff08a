package io.swav.data;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/** A source of files in memory. */
final class MapSource implements FileSource {
    private final Map<String, byte[]> files;

    MapSource(Map<String, byte[]> files) {
        this.files = files;
    }

    private byte[] content(String name) {
        return files.getOrDefault(name, new byte[0]);
    }

    @Override
    public String uri() {
        return "memory:";
    }

    @Override
    public String place(String name) {
        return uri() + name;
    }

    @Override
    public void list(Visitor visitor) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Optional<SourceFile> find(String name) {
        return Optional.of(new SourceFile(name, content(name).length, ""));
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) {
        return Arrays.copyOfRange(content(file.name()), (int) offset, (int) offset + length);
    }

    @Override
    public InputStream open(SourceFile file, long offset) {
        byte[] content = content(file.name());
        return new ByteArrayInputStream(content, (int) offset, content.length - (int) offset);
    }

    @Override
    public void close() {}
}
