package io.swav.data;

import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import io.swav.s3.S3Service;
import java.nio.file.Path;
import java.util.Optional;

/**
 * How data that is not a local folder is reached and kept.
 *
 * @param s3 the service of s3:// data
 * @param authorization value of the header Authorization for a web server
 * @param cache where read bytes are kept
 */
public record SourceOptions(S3Service s3, Optional<String> authorization, Optional<Cache> cache) {
    /**
     * A folder for read bytes.
     *
     * @param bytes the most that is kept
     */
    public record Cache(Path folder, long bytes) {}

    /** AWS with what this process's environment says, and no cache. */
    public static SourceOptions standard() {
        return new SourceOptions(S3Service.AWS, environment(TrainerEnv.DATA_AUTHORIZATION), Optional.empty());
    }

    /**
     * Returns what a job specifies.
     *
     * @throws IllegalArgumentException if the endpoint of the service is not a URL; the message is for the user
     */
    public static SourceOptions of(SwavJobSpec spec) {
        return new SourceOptions(
                S3Service.of(Optional.ofNullable(spec.data().s3())),
                environment(TrainerEnv.DATA_AUTHORIZATION),
                Optional.ofNullable(spec.data().cache())
                        .map(cache -> new Cache(
                                Path.of(environment(TrainerEnv.DATA_CACHE).orElse(cache.path())), cache.bytes())));
    }

    static Optional<String> environment(String name) {
        return Optional.ofNullable(System.getenv(name)).filter(value -> !value.isBlank());
    }
}
