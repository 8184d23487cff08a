package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.swav.api.ConditionReason;
import io.swav.api.SwavJob;
import io.swav.operator.QueueDecision.Write;
import io.swav.planner.JobPolicy;
import io.swav.planner.PlannerState;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

/** Every state of a Workload with every state of its job, and seeded runs of both with a Kueue that does as it likes. */
class QueueDecisionTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String API = "kueue.x-k8s.io/v1beta2";
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final PlannerState.End END =
            new PlannerState.End(true, ConditionReason.Complete, "Training is complete", NOW);
    private static final List<Boolean> BOTH = List.of(false, true);

    private static WorkloadRequest request(int replicas, String template) {
        SwavJob job = Jobs.job("replicas: " + replicas + ", elastic: {minReplicas: 1}");
        return WorkloadRequest.of(job, Jobs.yaml(template), "training", JobPolicy.of(job.getSpec()));
    }

    /** By number of replicas: completing a spec takes longer than everything else here. */
    private static final Map<Integer, WorkloadRequest> REQUESTS = new ConcurrentHashMap<>();

    private static final SwavJob JOB = Jobs.job("replicas: 1");

    private static WorkloadRequest request(int replicas) {
        return REQUESTS.computeIfAbsent(replicas, QueueDecisionTest::small);
    }

    private static WorkloadRequest small(int replicas) {
        return request(replicas, "spec: {containers: [{name: trainer, resources: {requests: {cpu: 1}}}]}");
    }

    private static ObjectNode workload(WorkloadRequest request) {
        GenericKubernetesResource created = request.toCreate(JOB, API, Optional.empty());
        return JSON.valueToTree(created);
    }

    private static KueueWorkload view(JsonNode json) {
        return KueueWorkload.of(JSON.convertValue(json, GenericKubernetesResource.class));
    }

    private static void condition(ObjectNode workload, String type, boolean holds, String reason) {
        ArrayNode conditions = workload.withObject("/status").withArray("conditions");
        for (int i = conditions.size() - 1; i >= 0; i--) {
            if (conditions.get(i).path("type").asText().equals(type)) {
                conditions.remove(i);
            }
        }
        conditions
                .addObject()
                .put("type", type)
                .put("status", holds ? "True" : "False")
                .put("reason", reason)
                .put("message", "because")
                .put("lastTransitionTime", NOW.toString());
    }

    private static void admit(ObjectNode workload, int count) {
        condition(workload, "QuotaReserved", true, "QuotaReserved");
        condition(workload, "Admitted", true, "Admitted");
        ObjectNode admission = workload.withObject("/status/admission").put("clusterQueue", "cq");
        admission.putArray("podSetAssignments").addObject().put("name", "main").put("count", count);
    }

    private static QueueDecision.Job job(WorkloadRequest request, boolean suspended, int left, boolean ended) {
        return new QueueDecision.Job(
                Optional.of(request), suspended, left, left, ended ? Optional.of(END) : Optional.empty());
    }

    @Test
    void noStateLetsPodsRunOrFreesQuotaThatShouldNot() {
        WorkloadRequest asked = request(4);
        WorkloadRequest larger = request(4, "spec: {containers: [{name: trainer, resources: {requests: {cpu: 2}}}]}");
        int cases = 0;
        for (WorkloadRequest wanted : List.of(asked, request(2), request(6), larger)) {
            for (int bits = 0; bits < 1 << 8; bits++) {
                ObjectNode json = workload(asked);
                boolean reserved = (bits & 1) != 0;
                boolean admitted = reserved && (bits & 2) != 0;
                boolean evicted = (bits & 4) != 0;
                boolean finished = (bits & 8) != 0;
                boolean active = (bits & 16) == 0;
                boolean suspended = (bits & 32) != 0;
                boolean ended = (bits & 64) != 0;
                boolean deleting = (bits & 128) != 0;
                if (reserved) {
                    admit(json, 3);
                    condition(json, "Admitted", admitted, "x");
                }
                condition(json, "Evicted", evicted, "Preempted");
                condition(json, "Finished", finished, "Succeeded");
                json.withObject("/spec").put("active", active);
                if (deleting) {
                    json.withObject("/metadata").put("deletionTimestamp", NOW.toString());
                }
                for (int left = 0; left <= 4; left++) {
                    QueueDecision decision =
                            QueueDecision.decide(job(wanted, suspended, left, ended), Optional.of(view(json)));
                    String of = "bits " + Integer.toBinaryString(bits) + ", left " + left + ", wanted " + wanted.pods();
                    boolean mayRun = decision.state() instanceof QueueState.Admitted;
                    assertThat(mayRun)
                            .as(of)
                            .isEqualTo(admitted
                                    && !evicted
                                    && !finished
                                    && !deleting
                                    && !suspended
                                    && !ended
                                    && !wanted.equals(larger));
                    if (decision.state() instanceof QueueState.Admitted state) {
                        assertThat(state.pods()).as(of).isEqualTo(3);
                    }
                    check(of, decision.write(), reserved, left, finished, view(json), wanted);
                    cases++;
                }
            }
        }
        assertThat(cases).isEqualTo(4 * 256 * 5);
    }

    private static void check(
            String of,
            Write write,
            boolean reserved,
            int left,
            boolean finished,
            KueueWorkload workload,
            WorkloadRequest wanted) {
        boolean frees = write instanceof QueueDecision.Release
                || write instanceof QueueDecision.Finish
                || write instanceof QueueDecision.Delete;
        assertThat(frees && left > 0).as(of + ": frees quota that pods use").isFalse();
        assertThat(write).as(of).isNotInstanceOf(QueueDecision.Submit.class);
        assertThat(write instanceof QueueDecision.Ask && reserved)
                .as(of + ": Kueue's webhook refuses it")
                .isFalse();
        assertThat(write instanceof QueueDecision.Finish && finished).as(of).isFalse();
        if (write instanceof QueueDecision.Reclaim reclaim) {
            assertThat(left).as(of).isLessThanOrEqualTo(wanted.pods());
            assertThat(reclaim.pods()).as(of).isGreaterThan(workload.reclaimable());
            assertThat(workload.count() - reclaim.pods()).as(of).isEqualTo(wanted.pods());
        }
    }

    @Test
    void quotaThatKueueTakesBackIsFreedWhenItsPodsAreGone() {
        for (int count = 1; count <= 4; count++) {
            for (int reclaimable = 0; reclaimable < count; reclaimable++) {
                for (int target = 0; target <= 4; target++) {
                    for (int wanted = 1; wanted <= 5; wanted++) {
                        for (int left = 0; left <= 4; left++) {
                            ObjectNode json = workload(request(4));
                            admit(json, count);
                            ((ObjectNode) json.at("/status/admission/podSetAssignments/0"))
                                    .put("reclaimTargetCount", target);
                            json.withObject("/status")
                                    .putArray("reclaimablePods")
                                    .addObject()
                                    .put("count", reclaimable);
                            checkReclaim(view(json), target, wanted, left);
                        }
                    }
                }
            }
        }
    }

    private static void checkReclaim(KueueWorkload workload, int target, int wanted, int left) {
        String of = "holds " + workload.admittedPods() + ", target " + target + ", wanted " + wanted + ", left " + left;
        QueueDecision decision = QueueDecision.decide(job(request(wanted), false, left, false), Optional.of(workload));
        int held = Math.max(1, workload.admittedPods());
        int kept = Math.max(1, Math.min(held, target));
        assertThat(((QueueState.Admitted) decision.state()).pods()).as(of).isEqualTo(kept);
        if (kept < held && left <= Math.min(kept, wanted)) {
            int rest = Math.min(kept, wanted);
            assertThat(decision.write())
                    .as(of)
                    .isEqualTo(
                            workload.reclaimable() == 0
                                    ? new QueueDecision.Shrink(rest)
                                    : new QueueDecision.Reclaim(workload.count() - rest));
        } else {
            assertThat(decision.write()).as(of).isNotInstanceOf(QueueDecision.Shrink.class);
        }
    }

    @Test
    void aJobWithoutWorkloadIsQueuedWhenNoPodOfItIsLeft() {
        for (boolean suspended : BOTH) {
            for (boolean ended : BOTH) {
                for (int left = 0; left < 3; left++) {
                    QueueDecision decision =
                            QueueDecision.decide(job(request(2), suspended, left, ended), Optional.empty());
                    assertThat(decision.state()).isInstanceOf(QueueState.Withheld.class);
                    assertThat(decision.write() instanceof QueueDecision.Submit)
                            .isEqualTo(!suspended && !ended && left == 0);
                }
            }
        }
    }

    @Test
    void whatKueueSaysIsTheReason() {
        ObjectNode json = workload(request(2));
        assertThat(why(json)).isEqualTo("Queued in LocalQueue training: Kueue has not answered yet");
        condition(json, "QuotaReserved", false, "Pending");
        assertThat(why(json)).isEqualTo("Queued in LocalQueue training: because");
        admit(json, 2);
        condition(json, "Admitted", false, "NotYet");
        json.withObject("/status")
                .putArray("admissionChecks")
                .addObject()
                .put("name", "capacity")
                .put("state", "Pending")
                .put("message", "nodes are being created");
        assertThat(why(json))
                .isEqualTo(
                        "Queued in LocalQueue training: Quota is reserved, admission checks are not complete: capacity is"
                                + " Pending: nodes are being created");
        condition(json, "Evicted", true, "Preempted");
        assertThat(why(json)).startsWith("Kueue evicted the job (Preempted): because");
        condition(json, "QuotaReserved", false, "Pending");
        json.withObject("/spec").put("active", false);
        assertThat(why(json)).contains("set its spec.active to true");
    }

    private static String why(ObjectNode json) {
        QueueState state = QueueDecision.decide(job(request(2), false, 0, false), Optional.of(view(json)))
                .state();
        return ((QueueState.Withheld) state).why();
    }

    @Test
    void amountsThatAreWrittenOtherwiseAreTheSame() {
        WorkloadRequest cores =
                request(2, "spec: {containers: [{name: t, resources: {requests: {cpu: 1000m, memory: 1024Mi}}}]}");
        WorkloadRequest same =
                request(2, "spec: {containers: [{name: u, resources: {requests: {memory: 1Gi, cpu: 1}}}]}");
        assertThat(same.isAskedBy(view(workload(cores)))).isTrue();
        ObjectNode withoutMinimum = workload(cores);
        ((ObjectNode) withoutMinimum.at("/spec/podSets/0")).remove("minCount");
        assertThat(same.isAskedBy(view(withoutMinimum)))
                .as("Kueue removes minCount if PartialAdmission is off")
                .isTrue();
        assertThat(request(3, "spec: {containers: [{name: t, resources: {requests: {cpu: 1, memory: 1Gi}}}]}")
                        .isAskedBy(view(workload(cores))))
                .isFalse();
    }

    // ---- seeded runs --------------------------------------------------------------------------------------------

    /** A job, its Workload and Kueue, each of which acts in any order. */
    private static final class Run {
        final Random random;
        Optional<ObjectNode> workload = Optional.empty();
        int replicas = 3;
        int pods;
        boolean suspended;
        boolean ended;

        Run(long seed) {
            random = new Random(seed);
        }

        QueueState reconcile() {
            QueueDecision decision = QueueDecision.decide(
                    job(request(replicas), suspended, pods, ended), workload.map(QueueDecisionTest::view));
            write(decision.write());
            if (decision.state() instanceof QueueState.Admitted admitted && !suspended && !ended) {
                int wanted = Math.min(replicas, admitted.pods());
                pods = random.nextBoolean() ? Math.max(pods, wanted) : pods; // pods start when they start
                pods = pods > wanted && random.nextBoolean() ? pods - 1 : pods;
            } else if (pods > 0 && random.nextBoolean()) {
                pods--; // they leave, each in its own time
            }
            return decision.state();
        }

        int held() {
            return workload.map(QueueDecisionTest::view)
                    .filter(view -> view.isTrue("QuotaReserved") && !view.isTrue("Finished"))
                    .map(KueueWorkload::admittedPods)
                    .orElse(0);
        }

        void write(Write write) {
            if (write instanceof QueueDecision.Submit submit) {
                workload = Optional.of(workload(submit.request()));
            } else if (write instanceof QueueDecision.Ask ask) {
                workload.orElseThrow().setAll(merged(workload.orElseThrow(), ask));
            } else if (write instanceof QueueDecision.Shrink shrink && random.nextBoolean()) {
                ObjectNode json = workload.orElseThrow();
                ObjectNode smaller = view(json).podSetOf(shrink.pods());
                json.withObject("/spec").putArray("podSets").add(smaller);
            } else if (write instanceof QueueDecision.Shrink shrink) { // as if the webhook refused the smaller pod set
                ObjectNode json = workload.orElseThrow();
                write(new QueueDecision.Reclaim(view(json).count() - shrink.pods()));
            } else if (write instanceof QueueDecision.Delete) {
                workload = Optional.empty();
            } else {
                workload.flatMap(json -> WorkloadStatusPatch.of(view(json), write, API, NOW))
                        .ifPresent(patch -> merge(workload.orElseThrow(), patch));
            }
        }

        private static ObjectNode merged(ObjectNode before, QueueDecision.Ask ask) {
            ObjectNode patch = JSON.createObjectNode();
            patch.set("spec", ask.request().spec(API, Optional.empty()));
            merge(before, patch);
            return before;
        }

        void kueue(int quota) {
            ObjectNode json = workload.orElse(null);
            if (json == null || view(json).isTrue("Finished")) {
                return;
            }
            KueueWorkload view = view(json);
            if (view.isTrue("QuotaReserved")) {
                if (view.isTrue("Evicted")) {
                    return; // its quota comes free when the operator says so
                }
                ObjectNode assignment = (ObjectNode) json.at("/status/admission/podSetAssignments/0");
                int least = view.minCount().orElse(view.count());
                if (view.reclaimTarget().isPresent()) {
                    if (held() <= view.reclaimTarget().get()) {
                        assignment.put("count", held()).remove("reclaimTargetCount");
                    }
                } else if (held() > Math.max(quota, least) && random.nextBoolean()) {
                    assignment.put("reclaimTargetCount", Math.max(quota, least));
                } else if (held() > quota) {
                    condition(json, "Evicted", true, "Preempted");
                }
            } else if (!view.isDeactivated() && quota >= view.minCount().orElse(view.count())) {
                admit(json, Math.min(quota, view.count()));
                condition(json, "Evicted", false, "QuotaReserved");
            }
        }
    }

    /** Applies a JSON merge patch, RFC 7396. */
    private static void merge(ObjectNode target, JsonNode patch) {
        patch.properties().forEach(field -> {
            if (field.getValue().isNull()) {
                target.remove(field.getKey());
            } else if (field.getValue().isObject()) {
                merge(target.withObject("/" + field.getKey()), field.getValue());
            } else {
                target.set(field.getKey(), field.getValue());
            }
        });
    }

    @Test
    void quotaCoversThePodsWhateverKueueAndThePeopleDo() {
        for (long seed = 0; seed < 40; seed++) {
            Run run = new Run(seed);
            for (int step = 0; step < 80; step++) {
                int held = run.held();
                int pods = run.pods;
                QueueState state = run.reconcile();
                String of = "seed " + seed + ", step " + step + ": " + state;
                assertThat(held <= run.held() || pods == 0 || pods <= run.held())
                        .as(of + ": quota was freed while " + pods + " pods used it")
                        .isTrue();
                switch (run.random.nextInt(8)) {
                    case 0 -> run.replicas = 1 + run.random.nextInt(5);
                    case 1 -> run.suspended = !run.suspended;
                    case 2 -> run.kueue(run.random.nextInt(5));
                    default -> run.kueue(5);
                }
            }
            run.suspended = false;
            for (int step = 0; step < 60; step++) {
                run.reconcile();
                run.kueue(5);
            }
            assertThat(run.held())
                    .as("seed %d: in the end the job is admitted", seed)
                    .isPositive();
            assertThat(run.pods).as("seed %d", seed).isEqualTo(Math.min(run.replicas, run.held()));
            run.ended = true;
            for (int step = 0; step < 60; step++) {
                run.reconcile();
            }
            assertThat(view(run.workload.orElseThrow()).isTrue("Finished"))
                    .as("seed %d", seed)
                    .isTrue();
        }
    }
}
