package io.swav.checkpoint;

import java.io.IOException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Converts errors of the service or the SDK into a sentence that says what to do. */
final class S3Errors {
    private S3Errors() {}

    static IOException toIOException(SdkException e, String bucket) {
        if (e instanceof NoSuchBucketException) {
            return new IOException("there is no bucket " + bucket + ": create it, or correct checkpoint.uri", e);
        }
        if (e instanceof S3Exception answer) {
            String code =
                    answer.awsErrorDetails() == null || answer.awsErrorDetails().errorCode() == null
                            ? ""
                            : " " + answer.awsErrorDetails().errorCode();
            return switch (answer.statusCode()) {
                case 401, 403 ->
                    new IOException(
                            "bucket " + bucket + " refuses access (" + answer.statusCode() + code
                                    + "): check the credentials that the pod gives the AWS SDK (environment, web"
                                    + " identity, instance) and that they may list, read, write and delete there",
                            e);
                default -> new IOException("bucket " + bucket + " answers " + answer.statusCode() + code, e);
            };
        }
        String message = String.valueOf(e.getMessage());
        if (message.contains("Unable to load credentials") || message.contains("Unable to load region")) {
            return new IOException(
                    "the AWS SDK finds no " + (message.contains("region") ? "region" : "credentials")
                            + ". Give the pod AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from a Secret, or a"
                            + " ServiceAccount with a role; and AWS_REGION or checkpoint.s3.region",
                    e);
        }
        return new IOException("the service of bucket " + bucket + " cannot be reached: " + message, e);
    }
}
