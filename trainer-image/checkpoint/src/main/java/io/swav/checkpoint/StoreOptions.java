package io.swav.checkpoint;

import io.swav.api.StorageUri;
import java.net.URI;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of every command that opens a store. */
public final class StoreOptions {
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
     * Opens the store with these options.
     *
     * @throws IllegalArgumentException if the URI does not name a store; the message is for the user
     */
    public Store open(String uri) {
        return StoreFactory.open(
                uri,
                new S3Store.Service(
                        Optional.ofNullable(endpoint).map(StoreOptions::endpoint),
                        Optional.ofNullable(region),
                        Optional.ofNullable(pathStyle)));
    }

    private static URI endpoint(String url) {
        try {
            return StorageUri.endpoint(url);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("--endpoint: " + e.getMessage(), e);
        }
    }
}
