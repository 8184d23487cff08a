package io.swav.checkpoint;

import io.swav.s3.S3Errors;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/**
 * An object written in parts that are uploaded in parallel while the next parts are filled; a small object is written
 * in one request. If ranks share an object, each produces all bytes and sends the parts of its {@link UploadShare};
 * rank 0 completes it.
 */
final class S3Sink implements Store.Sink {
    /** Bytes of a part. At most 10,000 parts are allowed, so an object has at most 160 GB. */
    static final int PART = 16 << 20;

    /** How long another rank waits for rank 0 to begin. */
    private static final Duration BEGINNING = Duration.ofSeconds(10);
    /** How long rank 0 waits at least without a new part from the others, after it has sent its own parts. */
    private static final Duration PATIENCE = Duration.ofSeconds(4);

    /** Resources that the sinks of one store share. */
    record Uploads(Executor threads, Semaphore inFlight) {}

    private final S3Client client;
    private final Uploads uploads;
    private final String bucket;
    private final String key;
    private final UploadShare share;
    private final List<CompletableFuture<CompletedPart>> parts = new ArrayList<>();
    private final long start = System.nanoTime();
    /** Grows to {@link #PART}: most objects are small. */
    private byte[] part = new byte[0];

    private int number = 1;
    private int filled;
    private Optional<S3Upload> upload = Optional.empty();
    private boolean open = true;
    private boolean committed;

    S3Sink(S3Client client, Uploads uploads, String bucket, String key, UploadShare share) throws IOException {
        this.client = client;
        this.uploads = uploads;
        this.bucket = bucket;
        this.key = key;
        this.share = share;
        if (!share.alone() && share.rank() == 0) {
            upload = Optional.of(S3Upload.begin(client, bucket, key));
        }
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
        int all = bytes.remaining();
        while (bytes.hasRemaining()) {
            if (filled == PART) {
                send();
            }
            int count = Math.min(bytes.remaining(), PART - filled);
            if (share.owns(number)) {
                grow(filled + count);
                bytes.get(part, filled, count);
            } else {
                bytes.position(bytes.position() + count);
            }
            filled += count;
        }
        return all;
    }

    private void grow(int length) {
        if (length > part.length) {
            part = Arrays.copyOf(part, Math.min(PART, Math.max(length, 2 * part.length)));
        }
    }

    private void send() throws IOException {
        int sent = number++;
        int length = filled;
        filled = 0;
        if (!share.owns(sent)) {
            return;
        }
        S3Upload to = upload();
        try {
            uploads.inFlight().acquire();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        boolean begun = false;
        try {
            RequestBody full = body(length);
            part = new byte[PART];
            CompletableFuture<CompletedPart> sending =
                    CompletableFuture.supplyAsync(() -> uploaded(to, sent, full), uploads.threads());
            begun = true;
            parts.add(sending);
        } finally {
            if (!begun) { // no memory, or no thread: a permit that is lost would be waited for
                uploads.inFlight().release();
            }
        }
    }

    private S3Upload upload() throws IOException {
        if (upload.isEmpty()) {
            upload = Optional.of(
                    share.alone()
                            ? S3Upload.begin(client, bucket, key)
                            : S3Upload.find(client, bucket, key, BEGINNING)
                                    .orElseThrow(() -> new IOException("rank 0 does not write " + key)));
        }
        return upload.get();
    }

    private CompletedPart uploaded(S3Upload to, int sent, RequestBody bytes) {
        try {
            return to.send(sent, bytes);
        } finally {
            uploads.inFlight().release();
        }
    }

    /** Returns the current part's bytes as a stream that a retry can read again. */
    private RequestBody body(int length) {
        byte[] bytes = part;
        return RequestBody.fromContentProvider(
                () -> new ByteArrayInputStream(bytes, 0, length), length, "application/octet-stream");
    }

    @Override
    public void commit() throws IOException {
        try {
            if (number == 1 && share.alone()) {
                client.putObject(request -> request.bucket(bucket).key(key), body(filled));
            } else {
                if (filled > 0) {
                    send();
                }
                List<CompletedPart> own =
                        parts.stream().map(CompletableFuture::join).toList();
                if (share.rank() == 0) {
                    S3Upload whole = upload();
                    whole.complete(share.alone() ? own : whole.await(own, number - 1, patience()));
                }
            }
            committed = true;
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        } catch (CompletionException e) {
            throw e.getCause() instanceof SdkException cause
                    ? S3Errors.toIOException(cause, bucket, S3Errors.Use.CHECKPOINT)
                    : new IOException("a part could not be uploaded: " + e.getCause(), e);
        }
    }

    private Duration patience() {
        Duration taken = Duration.ofNanos(System.nanoTime() - start);
        return taken.compareTo(PATIENCE) > 0 ? taken : PATIENCE;
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    /** Aborts an upload that was not committed; if that also fails, a later sweep does it. */
    @Override
    public void close() throws IOException {
        open = false;
        if (committed) {
            return;
        }
        parts.forEach(each -> each.handle((part, failure) -> part).join());
        if (upload.isPresent() && share.rank() == 0) {
            upload.get().abort();
        }
    }
}
