package io.swav.s3;

import io.swav.api.S3Spec;
import io.swav.api.StorageUri;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.profiles.ProfileFileSupplier;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/**
 * The location of an S3 service; all fields are empty for AWS itself. Credentials come from the SDK's own chain:
 * environment, web identity, container, instance; or from a profile. The SDK fetches temporary ones again before they
 * expire, and reads the files of a profile again when they change.
 *
 * @param endpoint URL of a service other than AWS
 * @param pathStyle whether the bucket is in the path instead of the host name; defaults to true if there is an endpoint
 * @param profile name of a profile in the AWS files, instead of the chain
 */
public record S3Service(
        Optional<URI> endpoint, Optional<String> region, Optional<Boolean> pathStyle, Optional<String> profile) {
    public static final S3Service AWS =
            new S3Service(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

    private static final int ATTEMPTS = 5;
    private static final Duration CONNECT = Duration.ofSeconds(5);
    /**
     * Timeout without a single byte. Uploading a part takes longer than this only on a connection too slow to be
     * useful.
     */
    private static final Duration SILENCE = Duration.ofSeconds(20);

    /**
     * Returns the service that a spec names, or AWS if it names none.
     *
     * @throws IllegalArgumentException if its endpoint is not a URL; the message is for the user
     */
    public static S3Service of(Optional<S3Spec> spec) {
        return new S3Service(
                spec.map(S3Spec::endpoint).map(StorageUri::endpoint),
                spec.map(S3Spec::region),
                spec.map(S3Spec::pathStyle),
                spec.map(S3Spec::profile));
    }

    /** Returns the service at a URL, with the SDK's own chain of credentials. */
    public static S3Service at(URI endpoint) {
        return new S3Service(Optional.of(endpoint), Optional.empty(), Optional.empty(), Optional.empty());
    }

    /**
     * Creates a client without sending a request. It retries with growing, jittered pauses.
     *
     * @param connections that it keeps at most
     * @throws IllegalArgumentException if the endpoint is not a URL; the message is for the user
     */
    public S3Client client(int connections) {
        endpoint.ifPresent(url -> StorageUri.endpoint(url.toString()));
        S3ClientBuilder builder = S3Client.builder()
                .httpClientBuilder(Apache5HttpClient.builder()
                        .maxConnections(connections)
                        .connectionTimeout(CONNECT)
                        .socketTimeout(SILENCE))
                .credentialsProvider(credentials())
                .forcePathStyle(pathStyle.orElse(endpoint.isPresent()))
                // services other than AWS refuse the checksums that are AWS's default
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                .overrideConfiguration(
                        config -> config.retryStrategy(AwsRetryStrategy.standardRetryStrategy().toBuilder()
                                .maxAttempts(ATTEMPTS)
                                // for example, a response that was cut in the middle
                                .retryOnException(SdkClientException.class)
                                .build()));
        endpoint.ifPresent(builder::endpointOverride);
        region.or(() -> endpoint.map(other -> "us-east-1")).ifPresent(name -> builder.region(Region.of(name)));
        return builder.build();
    }

    private AwsCredentialsProvider credentials() {
        if (profile.isEmpty()) {
            return DefaultCredentialsProvider.builder().build();
        }
        return ProfileCredentialsProvider.builder()
                .profileFile(ProfileFileSupplier.defaultSupplier())
                .profileName(profile.get())
                .build();
    }
}
