package io.swav.s3;

import io.swav.api.StorageUri;
import java.net.URI;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of every command that opens a bucket. */
public final class S3Flags {
    @Option(
            names = "--endpoint",
            paramLabel = "URL",
            description = "Endpoint of an S3 service other than AWS, such as http://minio:9000.")
    private @Nullable String endpoint;

    @Option(
            names = "--region",
            description = "Region of the S3 service (default: AWS_REGION, or us-east-1 with --endpoint).")
    private @Nullable String region;

    @Option(
            names = "--path-style",
            arity = "1",
            description = "Bucket in the path, not in the host name: true or false (default: true with --endpoint).")
    private @Nullable Boolean pathStyle;

    /**
     * Returns the service that these options name.
     *
     * @throws IllegalArgumentException if the endpoint is not a URL; the message is for the user
     */
    public S3Service service() {
        return new S3Service(
                Optional.ofNullable(endpoint).map(S3Flags::endpoint),
                Optional.ofNullable(region),
                Optional.ofNullable(pathStyle),
                Optional.empty());
    }

    private static URI endpoint(String url) {
        try {
            return StorageUri.endpoint(url);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("--endpoint: " + e.getMessage(), e);
        }
    }
}
