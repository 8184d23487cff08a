package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** An S3 service. */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_NULL)
public record S3Spec(
        @JsonPropertyDescription("URL of a service other than AWS, such as http://minio.minio:9000.")
        @Size(min = 1, max = 4096)
        @Nullable
        String endpoint,

        @JsonPropertyDescription("Region; by default AWS_REGION, or us-east-1 with an endpoint.")
        @Size(min = 1, max = 256)
        @Nullable
        String region,

        @JsonPropertyDescription("Whether the bucket is in the path instead of the host name, as MinIO and Ceph"
                + " mostly need it; by default true with an endpoint.")
        @Nullable
        Boolean pathStyle,

        @JsonPropertyDescription("Profile of the AWS files that the template mounts (AWS_SHARED_CREDENTIALS_FILE,"
                + " AWS_CONFIG_FILE), if data and checkpoints need different credentials. The files are read again when they"
                + " change. Unset: the chain's first credentials.")
        @Size(min = 1, max = 256)
        @Nullable
        String profile) {}
