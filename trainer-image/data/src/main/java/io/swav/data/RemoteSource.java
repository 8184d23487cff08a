package io.swav.data;

import io.swav.api.Shown;
import io.swav.common.DaemonThreads;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files on another machine. Requests that fail are sent again after growing, jittered pauses, and a body that is cut, or
 * comes too slowly, is requested again from where it ended. A fault that lasts longer is thrown; {@link ReadRetry} then
 * decides for how long to wait for the source.
 */
final class RemoteSource implements FileSource {
    private static final Logger LOG = LoggerFactory.getLogger(RemoteSource.class);

    /** The requests for one range that may fail in a row without a byte. */
    private static final int ATTEMPTS = 4;
    /** The connections that one read may lose although bytes came over each. */
    private static final int CUTS = 16;

    /** A range of which no byte has come for this long is not requested again here: who waits for it is to know. */
    private static final long SILENCE_NANOS = 20_000_000_000L;

    private static final long FIRST_PAUSE_MILLIS = 50;
    /** The time after which a connection must have given at least {@link #LEAST_RATE} on average. */
    private static final long PATIENCE_NANOS = 10_000_000_000L;
    /** Bytes in a second; less is a connection that hangs, and another one may be better. */
    private static final long LEAST_RATE = 16 << 10;

    /** Eight shards are indexed at a time, each with one such block: four times as much filled a heap of 64 MB. */
    private static final int EFFICIENT_READ = 1 << 20;
    /** Bytes that a stream rather reads than asks for others by a request. */
    private static final long SHORT_SKIP = 1 << 20;

    private static final int DESCRIBERS = 16;

    private final String uri;
    private final RemoteFiles files;
    private final RemoteNames names;
    private final LongSupplier clock;
    private final LongAdder requests = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private final LongAdder failed = new LongAdder();

    RemoteSource(String uri, RemoteFiles files, RemoteNames names) {
        this(uri, files, names, System::nanoTime);
    }

    /** @param clock in nanoseconds */
    RemoteSource(String uri, RemoteFiles files, RemoteNames names, LongSupplier clock) {
        this.uri = uri;
        this.files = files;
        this.names = names;
        this.clock = clock;
    }

    /** What has been requested so far: requests, bytes, requests that failed and were repeated. */
    record Traffic(long requests, long bytes, long failed) {}

    Traffic traffic() {
        return new Traffic(requests.sum(), bytes.sum(), failed.sum());
    }

    @Override
    public String uri() {
        return uri;
    }

    @Override
    public String place(String name) {
        return files.address(names.base() + name);
    }

    @Override
    public int efficientRead() {
        return EFFICIENT_READ;
    }

    @Override
    public void list(Visitor visitor) throws IOException {
        describeAll(visitor);
        for (String folder : names.folders()) {
            listStart(folder, name -> true, visitor);
        }
        for (String glob : names.globs()) {
            listStart(RemoteNames.literalStart(glob), name -> RemoteNames.matches(glob, name), visitor);
        }
    }

    private interface NameFilter {
        boolean takes(String name);
    }

    private void listStart(String start, NameFilter filter, Visitor visitor) throws IOException {
        files.list(names.base() + start, new Visitor() {
            @Override
            public void file(SourceFile file) throws IOException {
                String name = file.name().substring(names.base().length());
                if (!filter.takes(name)) {
                    return;
                }
                Optional<String> clutter = Clutter.ofPath(name);
                if (clutter.isPresent()) {
                    visitor.ignored(name, clutter.get());
                } else {
                    visitor.file(new SourceFile(name, file.bytes(), file.version()));
                }
            }

            @Override
            public void ignored(String name, String reason) throws IOException {
                visitor.ignored(name.substring(names.base().length()), reason);
            }
        });
    }

    /** Describes the files that the URI names, many at a time: each is a request. */
    private void describeAll(Visitor visitor) throws IOException {
        ExecutorService threads = Executors.newFixedThreadPool(
                Math.min(DESCRIBERS, Math.max(1, names.files().size())), DaemonThreads.named("data-list"));
        try {
            List<Future<SourceFile>> described = new ArrayList<>();
            for (String name : names.files()) {
                described.add(threads.submit(() -> describe(name)));
            }
            for (Future<SourceFile> file : described) {
                visitor.file(file.get());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("listing " + uri);
        } catch (ExecutionException e) {
            throw rethrown(e);
        } finally {
            threads.shutdownNow();
        }
    }

    /** Throws what a task threw, or returns it. */
    static IOException rethrown(ExecutionException e) {
        if (e.getCause() instanceof RuntimeException cause) {
            throw cause;
        }
        return e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
    }

    private SourceFile describe(String name) throws IOException {
        return find(name)
                .orElseThrow(() -> DataException.noInput(Shown.of(place(name)) + ", which " + uri
                        + " names, does not exist; correct the URI in a new job, or put the shard there"));
    }

    @Override
    public Optional<SourceFile> find(String name) throws IOException {
        long start = clock.getAsLong();
        for (int attempt = 1; ; attempt++) {
            requests.increment();
            try {
                SourceFile file = files.describe(names.base() + name);
                return Optional.of(new SourceFile(name, file.bytes(), file.version()));
            } catch (NoSuchFileException e) {
                return Optional.empty();
            } catch (IOException e) {
                giveUpOrPause(attempt, start, e);
            }
        }
    }

    @Override
    public byte[] read(SourceFile file, long offset, int length) throws IOException {
        requireInside(file, offset, length);
        byte[] read = new byte[length];
        Cursor cursor = new Cursor(file, offset, offset + length);
        try {
            for (int filled = 0; filled < length; ) {
                filled += cursor.read(read, filled, length - filled);
            }
        } finally {
            cursor.close();
        }
        return read;
    }

    private static void requireInside(SourceFile file, long offset, long length) throws EOFException {
        if (offset + length > file.bytes()) {
            throw new EOFException(Shown.of(file.name()) + " ends at byte " + file.bytes());
        }
    }

    @Override
    public InputStream open(SourceFile file, long offset) throws IOException {
        requireInside(file, offset, 0);
        Cursor cursor = new Cursor(file, offset, file.bytes());
        return new InputStream() {
            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] into, int at, int length) throws IOException {
                return length == 0 ? 0 : cursor.atEnd() ? -1 : cursor.read(into, at, length);
            }

            @Override
            public long skip(long count) throws IOException {
                return count > SHORT_SKIP ? cursor.jump(count) : super.skip(count);
            }

            @Override
            public void close() {
                cursor.close();
            }
        };
    }

    /** A place in a range of a file, at which reading goes on over as many connections as it takes. */
    private final class Cursor {
        private final SourceFile file;
        private final SourceFile remote;
        private final long end;
        private long position;
        private RemoteFiles.@Nullable Body body;
        private long opened;
        private long heard;
        private long received;
        private int failures;
        private int cuts;

        Cursor(SourceFile file, long from, long end) {
            this.file = file;
            this.remote = new SourceFile(names.base() + file.name(), file.bytes(), file.version());
            this.position = from;
            this.end = end;
            this.heard = clock.getAsLong();
        }

        boolean atEnd() {
            return position >= end;
        }

        long jump(long count) {
            long skipped = Math.min(count, end - position);
            position += skipped;
            close();
            return skipped;
        }

        /** Reads at least one byte. */
        int read(byte[] into, int at, int length) throws IOException {
            while (true) {
                try {
                    int read = connected().read(into, at, (int) Math.min(length, end - position));
                    if (read <= 0) {
                        throw new IOException("the body ends at byte " + position + " instead of " + end);
                    }
                    advance(read);
                    return read;
                } catch (ChangedFileException e) {
                    throw e;
                } catch (IOException e) {
                    close();
                    IOException named =
                            new IOException("cannot read " + Shown.of(place(file.name())) + ": " + e.getMessage(), e);
                    if (received > 0 && ++cuts > CUTS) {
                        throw named;
                    }
                    failures = received > 0 ? 1 : failures + 1;
                    giveUpOrPause(failures, heard, named);
                }
            }
        }

        private RemoteFiles.Body connected() throws IOException {
            var current = body;
            if (current == null) {
                requests.increment();
                opened = clock.getAsLong();
                received = 0;
                current = files.get(remote, position, end);
                body = current;
            }
            return current;
        }

        private void advance(int read) throws IOException {
            position += read;
            received += read;
            bytes.add(read);
            heard = clock.getAsLong();
            long nanos = heard - opened;
            if (atEnd()) {
                close();
            } else if (nanos > PATIENCE_NANOS && received / (nanos / 1e9) < LEAST_RATE) {
                LOG.warn(
                        "{} gave {} bytes in {} s; its connection is replaced",
                        Shown.of(place(file.name())),
                        received,
                        nanos / 1_000_000_000L);
                failed.increment();
                close();
                if (++cuts > CUTS) {
                    throw new IOException("cannot read " + Shown.of(place(file.name())) + ": its source is too slow");
                }
            }
        }

        void close() {
            var current = body;
            body = null;
            if (current != null) {
                try {
                    current.close();
                } catch (IOException e) {
                    LOG.debug("closing {}: {}", place(file.name()), e.toString());
                }
            }
        }
    }

    /** @param heard when the source was asked first, or gave its last byte */
    private void giveUpOrPause(int attempt, long heard, IOException e) throws IOException {
        if (attempt >= ATTEMPTS || clock.getAsLong() - heard >= SILENCE_NANOS) {
            throw e;
        }
        failed.increment();
        LOG.debug("trying again: {}", e.toString());
        long most = FIRST_PAUSE_MILLIS << attempt;
        try {
            Thread.sleep(most / 2 + ThreadLocalRandom.current().nextLong(most / 2));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while reading " + uri);
        }
    }

    @Override
    public void close() {
        Traffic all = traffic();
        LOG.info(
                "read {} MB from {} with {} requests, of which {} were repeated",
                all.bytes / 1_000_000,
                uri,
                all.requests,
                all.failed);
        files.close();
    }
}
