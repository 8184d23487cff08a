package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiErrorsTest {
    private static final String DENIED =
            "pods \"a\" is forbidden: User \"node\" cannot create resource \"pods/binding\"";

    @TempDir
    Path dir;

    private LogLines log;
    private ApiErrors errors;

    @BeforeEach
    void start() {
        log = LogLines.of(ApiErrors.class);
        errors = new ApiErrors(ApiErrors.file(dir, 0));
    }

    @AfterEach
    void end() {
        log.close();
    }

    @Test
    void warnsOncePerCauseWithMeaningAndAdvice() {
        for (int i = 0; i < 50; i++) {
            errors.failed(ApiErrors.Call.BIND, "pod ns/a", denied());
            errors.failed(ApiErrors.Call.BIND, "pod ns/b", denied());
        }
        assertThat(log.lines())
                .singleElement()
                .satisfies(line -> assertThat(line)
                        .startsWith("WARN this node cannot bind pods to nodes (first: pod ns/a): " + DENIED)
                        .contains("the pods stay Pending")
                        .contains("Give the user of the node's kubeconfig this right"));
        errors.failed(ApiErrors.Call.STATUS, "pod ns/a", denied());
        assertThat(log.lines()).as("another call").hasSize(2);
    }

    @Test
    void logsThatAProblemIsResolvedWhenItAffectsNoPodAnyMore() {
        errors.failed(ApiErrors.Call.BIND, "pod ns/a", denied());
        errors.failed(ApiErrors.Call.BIND, "pod ns/b", denied());
        errors.succeeded(ApiErrors.Call.BIND, "pod ns/a");
        errors.succeeded(ApiErrors.Call.STATUS, "pod ns/b");
        assertThat(log.lines()).hasSize(1);
        errors.succeeded(ApiErrors.Call.BIND, "pod ns/b");
        assertThat(log.lines()).hasSize(2).last().asString().startsWith("INFO this node can bind pods to nodes again");
    }

    @Test
    void treatsAnAbsentApiServerAsOneProblemOfAllCalls() {
        KubernetesClientException silence = new KubernetesClientException("Connection refused");
        errors.failed(ApiErrors.Call.BIND, "pod ns/a", silence);
        errors.failed(ApiErrors.Call.STATUS, "pod ns/b", silence);
        errors.failed(ApiErrors.Call.HEARTBEAT, "node local-0", silence);
        assertThat(log.lines()).singleElement().asString().contains("cannot reach the API server: Connection refused");
        errors.succeeded(ApiErrors.Call.HEARTBEAT, "node local-0");
        assertThat(log.lines()).last().asString().startsWith("INFO this node can reach the API server again");
    }

    @Test
    void keepsCurrentProblemsInTheFileThatStatusShows() {
        assertThat(ApiErrors.read(dir, 0)).isEmpty();
        errors.failed(ApiErrors.Call.BIND, "pod ns/a", denied());
        assertThat(ApiErrors.read(dir, 0)).singleElement().asString().contains(DENIED);
        errors.forget("pod ns/a");
        assertThat(ApiErrors.read(dir, 0)).isEmpty();
        errors.failed(ApiErrors.Call.BIND, "pod ns/a", denied());
        assertThat(log.lines()).as("logged again for a later pod").hasSize(2);
        errors.close();
        assertThat(ApiErrors.read(dir, 0)).isEmpty();
    }

    private static KubernetesClientException denied() {
        return new KubernetesClientException(
                "Failure executing: POST",
                403,
                new StatusBuilder().withCode(403).withMessage(DENIED).build());
    }
}
