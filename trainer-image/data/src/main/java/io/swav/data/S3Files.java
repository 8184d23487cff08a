package io.swav.data;

import io.swav.s3.S3Errors;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Objects of a bucket, of AWS or of another service that speaks S3. The version of an object is its ETag. */
final class S3Files implements RemoteFiles {
    private static final int NOT_FOUND = 404;
    private static final int PRECONDITION_FAILED = 412;
    private static final int RANGE_NOT_SATISFIABLE = 416;

    /**
     * The time within which a request is answered, with the SDK's own retries. Without a limit a service that takes
     * connections and is silent would keep each request for the SDK's five timeouts.
     */
    private static final Duration ANSWER = Duration.ofSeconds(30);

    private final S3Client client;
    private final Duration answer;
    private final String service;
    private final String bucket;

    /** Opens a bucket without sending a request. */
    S3Files(S3Service service, String bucket, int connections) {
        this(service, bucket, connections, ANSWER);
    }

    /** @param answer the time within which a request is answered */
    S3Files(S3Service service, String bucket, int connections, Duration answer) {
        this.answer = answer;
        this.client = service.client(connections);
        this.service = service.endpoint().map(endpoint -> " at " + endpoint).orElse("");
        this.bucket = bucket;
    }

    @Override
    public String address(String name) {
        return "s3://" + bucket + "/" + name + service;
    }

    @Override
    public FileSource.SourceFile describe(String name) throws IOException {
        try {
            HeadObjectResponse head = client.headObject(request ->
                    request.bucket(bucket).key(name).overrideConfiguration(limits -> limits.apiCallTimeout(answer)));
            return new FileSource.SourceFile(name, head.contentLength(), version(head.eTag()));
        } catch (SdkException e) {
            if (isMissing(e)) {
                throw new NoSuchFileException(address(name));
            }
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.DATA);
        }
    }

    @Override
    public void list(String start, FileSource.Visitor visitor) throws IOException {
        try {
            for (S3Object object : client.listObjectsV2Paginator(request -> request.bucket(bucket)
                            .prefix(start)
                            .overrideConfiguration(limits -> limits.apiCallTimeout(answer)))
                    .contents()) {
                if (!object.key().endsWith("/")) { // the mark of an empty folder, which some tools write
                    visitor.file(new FileSource.SourceFile(object.key(), object.size(), version(object.eTag())));
                }
            }
        } catch (SdkException e) {
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.DATA);
        }
    }

    @Override
    public Body get(FileSource.SourceFile file, long from, long to) throws IOException {
        ResponseInputStream<GetObjectResponse> stream;
        try {
            stream = client.getObject(request -> {
                request.bucket(bucket)
                        .key(file.name())
                        .range("bytes=" + from + "-" + (to - 1))
                        .overrideConfiguration(limits -> limits.apiCallTimeout(answer));
                if (!file.version().isEmpty()) {
                    request.ifMatch("\"" + file.version() + "\"");
                }
            });
        } catch (SdkException e) {
            if (isMissing(e)) {
                throw new ChangedFileException(address(file.name()), "it is gone");
            }
            int status = e instanceof S3Exception answer ? answer.statusCode() : 0;
            if (status == PRECONDITION_FAILED || status == RANGE_NOT_SATISFIABLE) {
                throw changed(file);
            }
            throw S3Errors.toIOException(e, bucket, S3Errors.Use.DATA);
        }
        String version = version(stream.response().eTag());
        if (!file.version().isEmpty() && !version.isEmpty() && !version.equals(file.version())) {
            stream.abort(); // not every service heeds the condition
            throw changed(file);
        }
        return new S3Body(stream, bucket, to - from);
    }

    private ChangedFileException changed(FileSource.SourceFile file) {
        return new ChangedFileException(address(file.name()), "its ETag is not " + file.version());
    }

    private static boolean isMissing(SdkException e) {
        return e instanceof S3Exception answer
                && answer.statusCode() == NOT_FOUND
                && !(e instanceof NoSuchBucketException);
    }

    /** Removes an ETag's quotes, which some services leave out. */
    private static String version(@Nullable String tag) {
        return tag == null ? "" : tag.replace("\"", "");
    }

    @Override
    public void close() {
        client.close();
    }

    private static final class S3Body implements Body {
        private final ResponseInputStream<GetObjectResponse> stream;
        private final String bucket;
        private long left;

        S3Body(ResponseInputStream<GetObjectResponse> stream, String bucket, long left) {
            this.stream = stream;
            this.bucket = bucket;
            this.left = left;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            try {
                int read = stream.read(into, offset, length);
                left -= Math.max(0, read);
                return read;
            } catch (SdkException e) {
                throw S3Errors.toIOException(e, bucket, S3Errors.Use.DATA);
            }
        }

        /** A connection that is not at its end would be read to it, instead of given up. */
        @Override
        public void close() throws IOException {
            if (left > 0) {
                stream.abort();
            } else {
                stream.close();
            }
        }
    }
}
