package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.ConnectException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SwavJobReconcilerTest {
    @Test
    void anApiServerThatDoesNotAnswerIsAnOutage() {
        assertThat(SwavJobReconciler.isOutage(
                        new KubernetesClientException("refused", new ConnectException("refused"))))
                .isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {429, 500, 503, 504})
    void anApiServerThatIsNotAbleToAnswerIsAnOutage(int code) {
        assertThat(SwavJobReconciler.isOutage(failure(code))).isTrue();
    }

    /** It would excuse the silence of every job's trainers for as long as one job's namespace refuses the operator. */
    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404, 409, 422})
    void aRefusalIsNot(int code) {
        assertThat(SwavJobReconciler.isOutage(failure(code))).isFalse();
    }

    private static KubernetesClientException failure(int code) {
        return new KubernetesClientException(new StatusBuilder().withCode(code).build());
    }
}
