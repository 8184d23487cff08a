package io.swav.s3;

import java.io.IOException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.NoSuchBucketException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Converts errors of the service or the SDK into a sentence that says what to do. */
public final class S3Errors {
    /** What a bucket is used for. */
    public enum Use {
        CHECKPOINT("checkpoint", "list, read, write and delete"),
        DATA("data", "list and read");

        private final String field;
        private final String rights;

        Use(String field, String rights) {
            this.field = field;
            this.rights = rights;
        }
    }

    private S3Errors() {}

    /** Returns an exception whose message is for the user. */
    public static IOException toIOException(SdkException e, String bucket, Use use) {
        if (e instanceof NoSuchBucketException) {
            return new IOException("there is no bucket " + bucket + ": create it, or correct " + use.field + ".uri", e);
        }
        if (e instanceof S3Exception answer) {
            return new IOException(sentence(answer, bucket, use), e);
        }
        String message = String.valueOf(e.getMessage());
        if (message.contains("Unable to load credentials") || message.contains("Unable to load region")) {
            return new IOException(
                    "the AWS SDK finds no " + (message.contains("region") ? "region" : "credentials")
                            + ". Give the pod AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from a Secret, or a"
                            + " ServiceAccount with a role; and AWS_REGION or " + use.field + ".s3.region",
                    e);
        }
        return new IOException("the service of bucket " + bucket + " cannot be reached: " + message, e);
    }

    private static String sentence(S3Exception answer, String bucket, Use use) {
        String code = code(answer);
        String shown = answer.statusCode() + (code.isEmpty() ? "" : " " + code);
        if (code.equals("ExpiredToken") || code.equals("TokenRefreshRequired")) {
            return "bucket " + bucket + " refuses access, because the credentials have expired (" + shown
                    + "): renew the Secret and its pods, or use a source that the AWS SDK renews by itself (web identity,"
                    + " instance, a profile in a mounted file)";
        }
        if (code.equals("InvalidObjectState")) {
            return "bucket " + bucket + " keeps this object in an archive (" + shown
                    + "): restore it to a storage class that can be read at once";
        }
        return switch (answer.statusCode()) {
            case 401, 403 ->
                "bucket " + bucket + " refuses access (" + shown
                        + "): check the credentials that the pod gives the AWS SDK (environment, web"
                        + " identity, instance) and that they may " + use.rights + " there";
            default -> "bucket " + bucket + " answers " + shown;
        };
    }

    private static String code(S3Exception answer) {
        return answer.awsErrorDetails() == null || answer.awsErrorDetails().errorCode() == null
                ? ""
                : answer.awsErrorDetails().errorCode();
    }
}
