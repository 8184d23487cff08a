package io.swav.checkpoint;

import io.swav.common.DaemonThreads;
import io.swav.s3.S3Errors;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * S3 and services that are compatible with it (MinIO, Ceph). An object appears whole. The files of a folder go under a
 * name of their own ({@code step-N/g<generation>-…/}), and its last file, the manifest, holds their location, so a
 * writer whose world has been replaced can never mix its files with another's. The SDK retries requests with growing,
 * jittered pauses.
 */
public final class S3Store implements Store {
    private static final Logger LOG = LoggerFactory.getLogger(S3Store.class);
    /** Eighteen digits fit a long; a name with more is not of this trainer. */
    private static final Pattern DRAFT =
            Pattern.compile("(step-\\d{1,18}/g(\\d{1,18})-(?:(" + DraftWriter.TAG + ")-)?[^/]+/).*");

    private static final String EXPORT = "export/";

    private static final int UPLOADS = 4;
    private final S3Client client;
    private final Semaphore inFlight = new Semaphore(UPLOADS);
    private final ExecutorService uploads = Executors.newFixedThreadPool(UPLOADS, DaemonThreads.named("s3-upload"));
    private final String bucket;
    private final String prefix;

    private S3Store(S3Client client, String bucket, String prefix) {
        this.client = client;
        this.bucket = bucket;
        this.prefix = prefix;
    }

    /**
     * Opens a store without sending a request, so it succeeds even if the service is unreachable.
     *
     * @param uri {@code s3://bucket/prefix}
     * @throws IllegalArgumentException if the service's endpoint is not a URL; the message is for the user
     */
    public static S3Store open(URI uri, S3Service service) {
        String path = uri.getPath() == null ? "" : uri.getPath().replaceAll("^/+|/+$", "");
        return new S3Store(service.client(2 * UPLOADS), uri.getAuthority(), path.isEmpty() ? "" : path + "/");
    }

    @Override
    public String uri() {
        return "s3://" + bucket + "/" + prefix.replaceAll("/$", "");
    }

    /** A request to the service. */
    @FunctionalInterface
    private interface Request<T> {
        T send() throws SdkException;
    }

    private <T> T call(Request<T> request) throws IOException {
        try {
            return request.send();
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    @Override
    public List<String> names(String start) throws IOException {
        return keys(start).stream().map(key -> key.substring(prefix.length())).toList();
    }

    private List<String> keys(String start) throws IOException {
        return call(() ->
                client
                        .listObjectsV2Paginator(
                                request -> request.bucket(bucket).prefix(prefix + start))
                        .contents()
                        .stream()
                        .map(S3Object::key)
                        .toList());
    }

    @Override
    public Source open(String name) throws IOException {
        return S3Source.open(client, bucket, prefix + name);
    }

    @Override
    public Sink create(String name, DraftWriter writer) throws IOException {
        return create(name, UploadShare.ALONE);
    }

    /** Two open files, and the parts in flight. */
    @Override
    public long heapBytes() {
        return (2L + UPLOADS) * S3Sink.PART;
    }

    private Sink create(String name, UploadShare share) throws IOException {
        return new S3Sink(client, new S3Sink.Uploads(uploads, inFlight), bucket, prefix + name, share);
    }

    /**
     * Always true: every connection to the service has its own throughput, and most services serve one client slower
     * than many.
     */
    @Override
    public boolean shares() {
        return true;
    }

    /**
     * Opens a draft. A draft that ranks share has a name that all of them know: a world saves a step together only
     * once.
     */
    @Override
    public Draft draft(String folder, DraftWriter writer, UploadShare share) {
        String name = share.alone() ? Long.toString(System.currentTimeMillis(), Character.MAX_RADIX) : "shared";
        String location = "g" + writer.prefix() + "-" + name + "/";
        return new Draft() {
            /** Whether the last file may exist and point here. Files that turn out to be unused are swept later. */
            private boolean inUse;

            @Override
            public Sink create(String file) throws IOException {
                return S3Store.this.create(folder + "/" + location + file, UploadShare.ALONE);
            }

            @Override
            public Sink createShared(String file) throws IOException {
                return S3Store.this.create(folder + "/" + location + file, share);
            }

            @Override
            public String location() {
                return location;
            }

            @Override
            public void commit(String lastFile, byte[] content) throws IOException {
                String key = prefix + folder + "/" + lastFile;
                inUse = true;
                try {
                    putNew(key, content);
                } catch (FileAlreadyExistsException e) {
                    // perhaps written by this very request: its answer was lost, and the SDK sent it again
                    inUse = holds(folder + "/" + lastFile, content);
                    if (!inUse) {
                        throw e;
                    }
                }
            }

            @Override
            public void close() throws IOException {
                if (!inUse && share.rank() == 0) {
                    delete(keys(folder + "/" + location));
                }
            }
        };
    }

    /** Returns whether a file has this content; what another process wrote there may be of any size. */
    private boolean holds(String name, byte[] content) throws IOException {
        try (Source source = open(name)) {
            ByteBuffer there = ByteBuffer.allocate(content.length);
            for (int read = 0; read >= 0 && there.hasRemaining(); ) {
                read = source.read(there);
            }
            return source.size() == content.length && Arrays.equals(content, there.array());
        }
    }

    /** Writes an object that does not exist yet. If the service does not support conditions, the last writer wins. */
    private void putNew(String key, byte[] content) throws IOException {
        try {
            client.putObject(
                    request -> request.bucket(bucket).key(key).ifNoneMatch("*"), RequestBody.fromBytes(content));
        } catch (S3Exception e) {
            if (e.statusCode() == 412 || e.statusCode() == 409) {
                throw new FileAlreadyExistsException(key);
            }
            if (e.statusCode() != 501 && e.statusCode() != 400) {
                throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
            }
            LOG.debug("{} does not support conditional writes: {}", bucket, e.toString());
            call(() -> client.putObject(request -> request.bucket(bucket).key(key), RequestBody.fromBytes(content)));
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT);
        }
    }

    /** Tries to create it once more: some services ignore the condition, and others answer that they have none. */
    @Override
    public boolean refusesSecond(String name, byte[] content) throws IOException {
        try {
            putNew(prefix + name, content);
            return false;
        } catch (FileAlreadyExistsException refused) {
            return true;
        }
    }

    @Override
    public void delete(String name) throws IOException {
        delete(List.of(prefix + name));
    }

    @Override
    public void remove(String folder, String lastFile) throws IOException {
        List<String> keys = new ArrayList<>(keys(folder + "/"));
        String last = prefix + folder + "/" + lastFile;
        if (keys.remove(last)) {
            delete(List.of(last));
        }
        delete(keys);
    }

    /** Deletes objects one by one: the request for many needs a checksum that services compute differently. */
    private void delete(List<String> keys) throws IOException {
        for (String key : keys) {
            call(() -> client.deleteObject(request -> request.bucket(bucket).key(key)));
        }
    }

    @Override
    public void sweep(DraftWriter writer, boolean others, Predicate<String> inUse) throws IOException {
        for (String key : keys("")) {
            Matcher draft = DRAFT.matcher(key.substring(prefix.length()));
            if (draft.matches() && mayRemove(draft, writer, others) && !inUse.test(draft.group(1))) {
                delete(List.of(key));
            }
        }
        abortUploads(writer, others);
    }

    private static boolean mayRemove(Matcher draft, DraftWriter writer, boolean others) {
        return writer.mayRemove(
                Long.parseLong(draft.group(2)),
                Optional.ofNullable(draft.group(3)).orElse(""),
                others);
    }

    /** Aborts uploads that dead writers left behind; that of an export has no writer in its name. */
    private void abortUploads(DraftWriter writer, boolean others) throws IOException {
        Map<String, String> unfinished = new LinkedHashMap<>();
        call(() -> {
            client.listMultipartUploadsPaginator(
                            request -> request.bucket(bucket).prefix(prefix))
                    .uploads()
                    .forEach(upload -> unfinished.put(upload.uploadId(), upload.key()));
            return unfinished;
        });
        for (Map.Entry<String, String> upload : unfinished.entrySet()) {
            String name = upload.getValue().substring(prefix.length());
            Matcher draft = DRAFT.matcher(name);
            if (draft.matches() ? mayRemove(draft, writer, others) : others && name.startsWith(EXPORT)) {
                call(() -> client.abortMultipartUpload(
                        request -> request.bucket(bucket).key(upload.getValue()).uploadId(upload.getKey())));
            }
        }
    }

    @Override
    public void close() {
        uploads.shutdownNow();
        client.close();
    }
}
