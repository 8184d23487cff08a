package io.swav.chaos;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import io.swav.api.StorageUri;
import io.swav.checkpoint.Store;
import io.swav.checkpoint.StoreFactory;
import io.swav.data.DataPackCommand;
import io.swav.local.LocalClusterException;
import io.swav.local.LocalControlPlane;
import io.swav.s3.S3Errors;
import io.swav.s3.S3Service;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import picocli.CommandLine;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * A place in a bucket that has the images and the checkpoints of one storm, so that its pods need no volume. It is a new
 * folder of the bucket, which {@link #remove} removes; nothing else there is touched.
 */
final class StormBucket implements AutoCloseable {
    /** Name of the Secret that has the credentials. */
    static final String SECRET = "storm-bucket";

    private static final int CONNECTIONS = 4;

    private final String uri;
    private final String bucket;
    private final String prefix;
    private final S3Service service;
    private final S3Client client;

    private StormBucket(String uri, String bucket, String prefix, S3Service service) {
        this.uri = uri;
        this.bucket = bucket;
        this.prefix = prefix;
        this.service = service;
        this.client = service.client(CONNECTIONS);
    }

    /**
     * Chooses a new folder below a place, without sending a request.
     *
     * @param place {@code s3://bucket} or {@code s3://bucket/prefix}
     * @throws LocalClusterException if it is neither
     */
    static StormBucket below(String place, S3Service service) {
        String problem = "--bucket " + place + ": give s3://bucket/prefix";
        try {
            if (!StorageUri.isBucket(place)) {
                throw new LocalClusterException(problem);
            }
        } catch (IllegalArgumentException e) {
            throw new LocalClusterException(problem, e);
        }
        URI parsed = URI.create(place);
        String above = parsed.getPath().replaceFirst("^/+", "").replaceFirst("/+$", "");
        String prefix = (above.isEmpty() ? "" : above + "/") + "storm-" + UUID.randomUUID();
        String bucket = parsed.getAuthority();
        return new StormBucket("s3://" + bucket + "/" + prefix, bucket, prefix, service);
    }

    String uri() {
        return uri;
    }

    /** The URI of the images that {@link #upload} has put there. */
    String images() {
        return uri + "/images";
    }

    /** The URI of a job's checkpoints. */
    String checkpoints(String job) {
        return uri + "/" + job + "/checkpoints";
    }

    /** Opens the store of a job's checkpoints. */
    Store store(String job) {
        return StoreFactory.open(checkpoints(job), service);
    }

    /** The service, as a spec names it. */
    ObjectNode spec() {
        ObjectNode s3 = JsonNodeFactory.instance.objectNode();
        service.endpoint().ifPresent(endpoint -> s3.put("endpoint", endpoint.toString()));
        service.region().ifPresent(region -> s3.put("region", region));
        service.pathStyle().ifPresent(pathStyle -> s3.put("pathStyle", pathStyle.booleanValue()));
        return s3;
    }

    /**
     * Packs a data set into shards, the form for a bucket, and uploads them.
     *
     * @param images URI of the data set
     * @param shards folder for the shards; it is replaced
     * @throws LocalClusterException if an image cannot be packed, or the bucket refuses
     */
    void upload(String images, Path shards) {
        LocalControlPlane.deleteTree(shards);
        if (new CommandLine(new DataPackCommand()).execute(images, "--out=" + shards) != 0) {
            throw new LocalClusterException("cannot pack the images of " + images + " for the bucket");
        }
        try (Stream<Path> files = Files.list(shards)) {
            List<Path> all = files.filter(Files::isRegularFile).toList();
            for (Path file : all) {
                client.putObject(
                        request -> request.bucket(bucket).key(prefix + "/images/" + file.getFileName()),
                        RequestBody.fromFile(file));
            }
        } catch (IOException e) {
            throw new LocalClusterException("cannot read " + shards + ": " + e.getMessage(), e);
        } catch (SdkException e) {
            throw refused("upload images", e);
        }
    }

    /** Gives the pods of a cluster this process's credentials, in a Secret. */
    void login(KubernetesClient cluster) {
        Secret secret = new SecretBuilder()
                .withNewMetadata()
                .withName(SECRET)
                .withNamespace("default")
                .endMetadata()
                .withStringData(credentials())
                .build();
        cluster.resource(secret).createOr(NonDeletingOperation::update);
    }

    private Map<String, String> credentials() {
        AwsCredentials found;
        try (DefaultCredentialsProvider chain =
                DefaultCredentialsProvider.builder().build()) {
            found = chain.resolveCredentials();
        } catch (SdkException e) {
            throw refused("find credentials", e);
        }
        Map<String, String> variables = new LinkedHashMap<>();
        variables.put("AWS_ACCESS_KEY_ID", found.accessKeyId());
        variables.put("AWS_SECRET_ACCESS_KEY", found.secretAccessKey());
        if (found instanceof AwsSessionCredentials session) {
            variables.put("AWS_SESSION_TOKEN", session.sessionToken());
        }
        Optional.ofNullable(System.getenv("AWS_REGION")).ifPresent(region -> variables.put("AWS_REGION", region));
        return variables;
    }

    /** Removes everything that the storm has put into the bucket. */
    void remove() {
        try {
            for (S3Object object : client.listObjectsV2Paginator(
                            request -> request.bucket(bucket).prefix(prefix + "/"))
                    .contents()) {
                client.deleteObject(request -> request.bucket(bucket).key(object.key()));
            }
        } catch (SdkException e) {
            throw refused("remove the storm's files from", e);
        }
    }

    private LocalClusterException refused(String what, SdkException e) {
        return new LocalClusterException(
                "cannot " + what + " (" + uri + "): "
                        + S3Errors.toIOException(e, bucket, S3Errors.Use.CHECKPOINT)
                                .getMessage(),
                e);
    }

    @Override
    public void close() {
        client.close();
    }
}
