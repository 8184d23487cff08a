package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.StatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

class PodRejectionTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final SwavJob JOB = Jobs.job("replicas: 1");

    @Test
    void aQuotaHealsByItselfAndIsTriedAgainSoon() {
        PodRejection rejection = PodRejection.of(
                        JOB,
                        error(
                                403,
                                "Forbidden",
                                "pods \"job-0\" is forbidden: exceeded quota: q, requested: pods=1,"
                                        + " used: pods=2, limited: pods=2"),
                        NOW)
                .orElseThrow();
        assertThat(rejection.reason()).isEqualTo(ConditionReason.Waiting);
        assertThat(rejection.waits()).isTrue();
        assertThat(rejection.until()).isEqualTo(NOW.plusSeconds(5));
        assertThat(rejection.why()).contains("exceeded quota: q, requested: pods=1");
    }

    @Test
    void otherRefusalsNeedAPersonAndErrorsAreNone() {
        for (String message : List.of("failed quota: q: must specify limits.cpu", "violates PodSecurity")) {
            assertThat(PodRejection.of(JOB, error(403, "Forbidden", message), NOW))
                    .get()
                    .returns(ConditionReason.PodRefused, PodRejection::reason)
                    .returns(false, PodRejection::waits);
        }
        for (int code : new int[] {409, 429, 500, 504}) {
            assertThat(PodRejection.of(JOB, error(code, "Conflict", "later"), NOW))
                    .isEmpty();
        }
    }

    /** A quota's bookkeeping answers 409, too, while several pods are created at once. */
    @Test
    void whatAConflictMeansIsReadFromItsReason() {
        KubernetesClientException exists = error(409, "AlreadyExists", "pods \"job-0\" already exists");
        KubernetesClientException quota = error(
                409, "Conflict", "Operation cannot be fulfilled on resourcequotas \"q\": the object has been modified");
        assertThat(ApiReasons.isAlreadyThere(exists)).isTrue();
        assertThat(ApiReasons.isConflict(exists)).isFalse();
        assertThat(ApiReasons.isAlreadyThere(quota)).isFalse();
        assertThat(ApiReasons.isConflict(quota)).isTrue();
        assertThat(ApiReasons.isConflict(error(404, "NotFound", "gone"))).isFalse();
    }

    @Test
    void onlyLiveTrainersOfAnEarlierJobAreOrphans() {
        List<Pod> pods = List.of(
                pod("a", "other", "", "phase: Running"),
                pod("b", "other", "", "phase: Succeeded"),
                pod("c", "uid-1", "ownerReferences: [{uid: uid-1}]", "phase: Running"),
                pod("d", "", "", "phase: Running"));
        Orphans orphans = Orphans.of(JOB, pods);
        assertThat(orphans).isEqualTo(new Orphans(List.of("a"), false));
        assertThat(orphans.rejection(JOB, NOW))
                .get()
                .returns(ConditionReason.OrphanedPods, PodRejection::reason)
                .matches(rejection -> rejection.why().startsWith("a of an earlier job of this name still runs")
                        && rejection.why().endsWith("kubectl delete pods -n ns a"));
        Orphans collected = Orphans.of(
                JOB,
                List.of(
                        pod("a", "other", "ownerReferences: [{uid: other}]", "phase: Running"),
                        pod("e", "other", "deletionTimestamp: '2026-01-01T00:00:00Z'", "phase: Running")));
        assertThat(collected.rejection(JOB, NOW))
                .as("nobody has to act")
                .get()
                .returns(true, PodRejection::waits)
                .matches(rejection -> rejection.why().endsWith("They are being deleted"));
        assertThat(Orphans.of(JOB, List.of()).rejection(JOB, NOW)).isEmpty();
    }

    /** @param jobUid for which its trainer trains; empty for a pod that is no trainer */
    private static Pod pod(String name, String jobUid, String metadata, String status) {
        String env = jobUid.isEmpty() ? "" : "env: [{name: SWAV_JOB_UID, value: " + jobUid + "}]";
        return Serialization.unmarshal("""
                ---
                metadata: {name: %s, uid: %s, labels: {swav.io/job: job}, %s}
                spec: {containers: [{name: trainer, %s}]}
                status: {%s}
                """.formatted(name, name, metadata, env, status), Pod.class);
    }

    private static KubernetesClientException error(int code, String reason, String message) {
        return new KubernetesClientException(new StatusBuilder()
                .withCode(code)
                .withReason(reason)
                .withMessage(message)
                .build());
    }
}
