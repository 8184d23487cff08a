package io.swav.checkpoint;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
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

/** An object in parts that are uploaded side by side while the next are filled; a small one goes in one request. */
final class S3Sink implements Store.Sink {
    /** Bytes of a part: 10,000 parts, the most there may be, are 160 GB. */
    static final int PART = 16 << 20;

    private static final int IN_FLIGHT = 4;

    private final S3Client client;
    private final Executor uploads;
    private final String bucket;
    private final String key;
    private final List<CompletableFuture<CompletedPart>> parts = new ArrayList<>();
    private final Semaphore inFlight = new Semaphore(IN_FLIGHT);
    private byte[] part = new byte[PART];
    private int filled;
    private Optional<String> upload = Optional.empty();
    private boolean open = true;
    private boolean committed;

    S3Sink(S3Client client, Executor uploads, String bucket, String key) {
        this.client = client;
        this.uploads = uploads;
        this.bucket = bucket;
        this.key = key;
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
        int all = bytes.remaining();
        while (bytes.hasRemaining()) {
            if (filled == PART) {
                send();
            }
            int count = Math.min(bytes.remaining(), PART - filled);
            bytes.get(part, filled, count);
            filled += count;
        }
        return all;
    }

    private void send() throws IOException {
        try {
            if (upload.isEmpty()) {
                upload = Optional.of(client.createMultipartUpload(
                                request -> request.bucket(bucket).key(key))
                        .uploadId());
            }
            inFlight.acquire();
        } catch (SdkException e) {
            throw S3Errors.told(e, bucket);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
        String id = upload.orElseThrow();
        int number = parts.size() + 1;
        RequestBody full = body();
        part = new byte[PART];
        filled = 0;
        parts.add(CompletableFuture.supplyAsync(() -> uploaded(id, number, full), uploads));
    }

    private CompletedPart uploaded(String id, int number, RequestBody bytes) {
        try {
            String tag = client.uploadPart(
                            request ->
                                    request.bucket(bucket).key(key).uploadId(id).partNumber(number),
                            bytes)
                    .eTag();
            return CompletedPart.builder().partNumber(number).eTag(tag).build();
        } finally {
            inFlight.release();
        }
    }

    /** What is in the part now, as a stream that a second attempt reads again. */
    private RequestBody body() {
        byte[] bytes = part;
        int length = filled;
        return RequestBody.fromContentProvider(
                () -> new ByteArrayInputStream(bytes, 0, length), length, "application/octet-stream");
    }

    @Override
    public void commit() throws IOException {
        try {
            if (upload.isEmpty()) {
                client.putObject(request -> request.bucket(bucket).key(key), body());
            } else {
                if (filled > 0) {
                    send();
                }
                List<CompletedPart> completed =
                        parts.stream().map(CompletableFuture::join).toList();
                client.completeMultipartUpload(request -> request.bucket(bucket)
                        .key(key)
                        .uploadId(upload.orElseThrow())
                        .multipartUpload(all -> all.parts(completed)));
            }
            committed = true;
        } catch (SdkException e) {
            throw S3Errors.told(e, bucket);
        } catch (CompletionException e) {
            throw e.getCause() instanceof SdkException cause
                    ? S3Errors.told(cause, bucket)
                    : new IOException("a part was not uploaded: " + e.getCause(), e);
        }
    }

    @Override
    public boolean isOpen() {
        return open;
    }

    /** Gives up an upload that was not committed; where that fails too, a later sweep does it. */
    @Override
    public void close() throws IOException {
        open = false;
        if (committed || upload.isEmpty()) {
            return;
        }
        parts.forEach(each -> each.handle((part, failure) -> part).join());
        try {
            client.abortMultipartUpload(
                    request -> request.bucket(bucket).key(key).uploadId(upload.orElseThrow()));
        } catch (SdkException e) {
            throw S3Errors.told(e, bucket);
        }
    }
}
