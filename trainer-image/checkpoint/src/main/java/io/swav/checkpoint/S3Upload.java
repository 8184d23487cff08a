package io.swav.checkpoint;

import io.swav.s3.S3Errors;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.MultipartUpload;
import software.amazon.awssdk.services.s3.model.Part;

/**
 * A multipart upload. Ranks that share an upload coordinate through the service itself: rank 0 begins it, the others
 * find it by its key, and rank 0 learns from the service's listing when all parts have arrived. Equal ranks send equal
 * bytes, so a part that arrives twice does no harm, and one that arrives too late is refused.
 */
record S3Upload(S3Client client, String bucket, String key, String id) {
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    static S3Upload begin(S3Client client, String bucket, String key) throws IOException {
        try {
            return new S3Upload(
                    client,
                    bucket,
                    key,
                    client.createMultipartUpload(
                                    request -> request.bucket(bucket).key(key))
                            .uploadId());
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    /** Finds the upload that rank 0 begins about now; empty if none appears. */
    static Optional<S3Upload> find(S3Client client, String bucket, String key, Duration atMost) throws IOException {
        long end = System.nanoTime() + atMost.toNanos();
        try {
            while (!Thread.currentThread().isInterrupted()) {
                Optional<MultipartUpload> found =
                        client
                                .listMultipartUploads(
                                        request -> request.bucket(bucket).prefix(key))
                                .uploads()
                                .stream()
                                .filter(upload -> upload.key().equals(key))
                                .findFirst();
                if (found.isPresent() || System.nanoTime() > end) {
                    return found.map(upload -> new S3Upload(client, bucket, key, upload.uploadId()));
                }
                LockSupport.parkNanos(POLL_NANOS);
            }
            return Optional.empty();
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    /**
     * Sends one part.
     *
     * @param number from 1
     */
    CompletedPart send(int number, RequestBody bytes) {
        String tag = client.uploadPart(
                        request -> request.bucket(bucket).key(key).uploadId(id).partNumber(number), bytes)
                .eTag();
        return CompletedPart.builder().partNumber(number).eTag(tag).build();
    }

    /**
     * Waits until the parts of all ranks have arrived, as long as new ones keep arriving.
     *
     * @param own parts that this rank has sent
     * @param patience longest time without a new part
     * @throws IOException if parts are still missing after that
     */
    List<CompletedPart> await(List<CompletedPart> own, int all, Duration patience) throws IOException {
        Map<Integer, CompletedPart> there = new TreeMap<>();
        own.forEach(part -> there.put(part.partNumber(), part));
        long end = System.nanoTime() + patience.toNanos();
        while (there.size() < all) {
            int before = there.size();
            for (Part part : listed()) {
                there.putIfAbsent(
                        part.partNumber(),
                        CompletedPart.builder()
                                .partNumber(part.partNumber())
                                .eTag(part.eTag())
                                .build());
            }
            if (there.size() > before) {
                end = System.nanoTime() + patience.toNanos();
            } else if (System.nanoTime() > end || Thread.currentThread().isInterrupted()) {
                throw new IOException((all - there.size()) + " of " + all + " parts of " + key
                        + " did not come from the other ranks");
            }
            if (there.size() < all) {
                LockSupport.parkNanos(POLL_NANOS);
            }
        }
        return new ArrayList<>(there.values());
    }

    private List<Part> listed() throws IOException {
        try {
            return client
                    .listPartsPaginator(
                            request -> request.bucket(bucket).key(key).uploadId(id))
                    .parts()
                    .stream()
                    .toList();
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    void complete(List<CompletedPart> parts) {
        client.completeMultipartUpload(
                request -> request.bucket(bucket).key(key).uploadId(id).multipartUpload(all -> all.parts(parts)));
    }

    void abort() throws IOException {
        try {
            client.abortMultipartUpload(
                    request -> request.bucket(bucket).key(key).uploadId(id));
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }
}
