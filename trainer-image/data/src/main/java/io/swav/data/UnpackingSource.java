package io.swav.data;

import io.swav.api.StorageUri;
import io.swav.common.DaemonThreads;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Shows compressed shards as if they were not: sizes and offsets are those of the unpacked tar. The version of such a file
 * has the compressed size in it, which is needed to open it again: {@code <version>/<bytes>}.
 */
final class UnpackingSource extends ForwardingSource {
    private static final Logger LOG = LoggerFactory.getLogger(UnpackingSource.class);
    private static final int UNPACKERS = 4;

    private final FileSource source;
    private final UnpackedShards shards;

    /** Decorates a source; both parts are closed with this object. */
    UnpackingSource(FileSource source, UnpackedShards shards) {
        super(source);
        this.source = source;
        this.shards = shards;
    }

    @Override
    public FileSource uncached() {
        return new UnpackingSource(source.uncached(), shards);
    }

    /** Unpacks compressed shards that are not in the cache: their sizes are not known before. */
    @Override
    public void list(Visitor visitor) throws IOException {
        List<SourceFile> compressed = new ArrayList<>();
        source.list(new Visitor() {
            @Override
            public void file(SourceFile file) throws IOException {
                if (StorageUri.isCompressedShard(file.name()) && file.bytes() >= 0) {
                    compressed.add(file);
                } else {
                    visitor.file(file);
                }
            }

            @Override
            public void ignored(String name, String reason) throws IOException {
                visitor.ignored(name, reason);
            }

            @Override
            public void folder(String name, String version) throws IOException {
                visitor.folder(name, version);
            }
        });
        if (compressed.isEmpty()) {
            return;
        }
        LOG.info(
                "{} shards of {} are compressed and are unpacked into {} if they are not there yet",
                compressed.size(),
                uri(),
                shards.folder());
        ExecutorService threads = Executors.newFixedThreadPool(UNPACKERS, DaemonThreads.named("unpack"));
        try {
            List<Future<SourceFile>> shown = new ArrayList<>();
            for (SourceFile file : compressed) {
                shown.add(threads.submit(() -> shards.unpacked(source, file)));
            }
            for (Future<SourceFile> file : shown) {
                visitor.file(file.get());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("unpacking shards of " + uri());
        } catch (ExecutionException e) {
            throw RemoteSource.rethrown(e);
        } finally {
            threads.shutdownNow();
        }
    }

    @Override
    public Optional<SourceFile> find(String name) throws IOException {
        Optional<SourceFile> found = source.find(name);
        return found.isPresent() && StorageUri.isCompressedShard(name)
                ? Optional.of(shards.unpacked(source, found.get()))
                : found;
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) throws IOException {
        return StorageUri.isCompressedShard(file.name())
                ? shards.read(source, file, offset, length)
                : source.read(file, offset, length);
    }

    @Override
    public InputStream open(SourceFile file, long offset) throws IOException {
        if (!StorageUri.isCompressedShard(file.name())) {
            return source.open(file, offset);
        }
        return new InputStream() {
            private long position = offset;

            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int at, int length) throws IOException {
                long inBlock = UnpackedShards.BLOCK - position % UnpackedShards.BLOCK;
                int count = (int) Math.min(Math.min(length, inBlock), file.bytes() - position);
                if (length == 0 || count <= 0) {
                    return length == 0 ? 0 : -1;
                }
                System.arraycopy(UnpackingSource.this.read(file, position, count), 0, into, at, count);
                position += count;
                return count;
            }

            @Override
            public long skip(long count) {
                long skipped = Math.max(0, Math.min(count, file.bytes() - position));
                position += skipped;
                return skipped;
            }
        };
    }

    @Override
    public void close() {
        source.close();
        shards.close();
    }
}
