package io.swav.data;

import java.io.IOException;
import java.util.Optional;

/**
 * Keeps the ranges that are read of remote files. A sample is the same range in every epoch, so exactly the bytes of
 * samples are fetched and kept, and no more; decision 096 has the figures for blocks and whole shards.
 */
final class CachingSource extends ForwardingSource {
    private final RemoteSource source;
    private final RangeCache cache;

    /** @param cache is closed with this source */
    CachingSource(RemoteSource source, RangeCache cache) {
        super(source);
        this.source = source;
        this.cache = cache;
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) throws IOException {
        if (file.version().isEmpty()) { // what is kept could be that of another file of the same size
            return source.read(file, offset, length);
        }
        String key = source.place(file.name()) + "\n" + file.version() + "\n" + offset + "\n" + length;
        Optional<byte[]> kept = cache.get(key, length);
        if (kept.isPresent()) {
            return kept.get();
        }
        byte[] read = source.read(file, offset, length);
        cache.put(key, read);
        return read;
    }

    @Override
    public FileSource uncached() {
        return source;
    }

    @Override
    public void close() {
        cache.close();
        source.close();
    }
}
