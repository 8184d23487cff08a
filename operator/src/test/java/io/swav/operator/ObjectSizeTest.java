package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import org.junit.jupiter.api.Test;

class ObjectSizeTest {
    /** As API servers word it: etcd's limit arrives as an internal error, from 1.20 to 1.36. */
    @Test
    void recognizesEveryAnswerThatSpeaksOfSize() {
        assertThat(isTooLarge(500, "etcdserver: request is too large")).isTrue();
        assertThat(isTooLarge(
                        500,
                        "rpc error: code = ResourceExhausted desc = trying to send message larger than max"
                                + " (2160102 vs. 2097152)"))
                .isTrue();
        assertThat(isTooLarge(413, "Request entity too large: limit is 3145728"))
                .isTrue();
        assertThat(isTooLarge(422, "ConfigMap \"job-world\" is invalid: []: Too long: must have at most 1048576 bytes"))
                .isTrue();
        assertThat(isTooLarge(
                        422, "ConfigMap \"job-world\" is invalid: []: Too long: may not be more than 1048576 bytes"))
                .isTrue();
    }

    @Test
    void otherErrorsAreTriedAgain() {
        assertThat(isTooLarge(500, "etcdserver: leader changed")).isFalse();
        assertThat(isTooLarge(422, "metadata.name: Too long: must have at most 63 characters"))
                .isFalse();
        assertThat(isTooLarge(409, "the object has been modified")).isFalse();
    }

    @Test
    void theSentenceNamesTheObjectItsSizeAndAWayOut() {
        assertThat(new ObjectSize.TooLargeException(
                        new ConfigMapBuilder()
                                .withNewMetadata()
                                .withName("job-world")
                                .endMetadata()
                                .addToData("a", "b".repeat(2_000_000))
                                .build(),
                        failure(500, "etcdserver: request is too large")))
                .hasMessageContaining("ConfigMap job-world is too large")
                .hasMessageContaining("2.0 MB")
                .hasMessageContaining("etcdserver: request is too large")
                .hasMessageContaining("What runs continues")
                .hasMessageContaining("lower spec.replicas");
    }

    private static boolean isTooLarge(int code, String message) {
        return ObjectSize.isTooLarge(failure(code, message));
    }

    private static KubernetesClientException failure(int code, String message) {
        return new KubernetesClientException(
                new StatusBuilder().withCode(code).withMessage(message).build());
    }
}
