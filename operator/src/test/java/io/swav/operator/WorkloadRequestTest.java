package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.SwavJob;
import io.swav.planner.JobPolicy;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The Workload that a job asks for quota with, in the versions of Kueue's API. */
class WorkloadRequestTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static SwavJob job(String spec, Map<String, String> labels) {
        SwavJob job = Jobs.job(spec);
        job.getMetadata().setLabels(labels);
        job.getMetadata()
                .setAnnotations(Map.of("provreq.kueue.x-k8s.io/maxRunDurationSeconds", "60", "note", "not copied"));
        return job;
    }

    private static JsonNode created(SwavJob job, String version, Optional<Integer> priority) {
        String queue = WorkloadRequest.queue(job).orElseThrow();
        WorkloadRequest request = WorkloadRequest.of(job, Jobs.richTemplate(), queue, JobPolicy.of(job.getSpec()));
        return JSON.valueToTree(request.toCreate(job, "kueue.x-k8s.io/" + version, priority));
    }

    @Test
    void asksForAllPodsAndAcceptsTheFewestThatFormAWorld() {
        SwavJob job =
                job("replicas: 4, elastic: {minReplicas: 2, spares: 1}", Map.of(KueueWorkload.QUEUE_LABEL, "training"));
        JsonNode workload = created(job, "v1beta2", Optional.empty());
        assertThat(workload.at("/spec/queueName").asText()).isEqualTo("training");
        assertThat(workload.at("/spec/podSets")).hasSize(1);
        assertThat(workload.at("/spec/podSets/0/name").asText()).isEqualTo("main");
        assertThat(workload.at("/spec/podSets/0/count").asInt())
                .as("with the spare")
                .isEqualTo(5);
        assertThat(workload.at("/spec/podSets/0/minCount").asInt()).isEqualTo(2);
        assertThat(workload.at("/spec/podSets/0/template/spec/containers/1/resources/limits/nvidia.com~1gpu")
                        .asText())
                .isEqualTo("1");
        assertThat(workload.at("/spec/podSets/0/template/spec/restartPolicy").asText())
                .isEqualTo("Never");
        assertThat(workload.path("spec").has("active"))
                .as("people and Kueue decide it")
                .isFalse();
        assertThat(workload.at("/metadata/name").asText()).isEqualTo("swavjob-job");
        assertThat(workload.at("/metadata/ownerReferences/0/uid").asText()).isEqualTo("uid-1");
        assertThat(workload.at("/metadata/labels/kueue.x-k8s.io~1job-uid").asText())
                .isEqualTo("uid-1");
        assertThat(workload.at("/metadata/annotations"))
                .as("of the job and for partial preemption")
                .hasSize(2);
        assertThat(workload.at("/metadata/annotations/kueue.x-k8s.io~1partial-preemption")
                        .asText())
                .isEqualTo("true");
    }

    @Test
    void aJobOfFixedSizeIsAdmittedWholeOrNotAtAll() {
        SwavJob job = job("replicas: 2, elastic: {minReplicas: 2}", Map.of(KueueWorkload.QUEUE_LABEL, "q"));
        assertThat(created(job, "v1beta1", Optional.empty())
                        .at("/spec/podSets/0")
                        .has("minCount"))
                .isFalse();
    }

    @Test
    void namesThePriorityClassOfTheJobOrOfItsPods() {
        SwavJob urgent =
                job("replicas: 1", Map.of(KueueWorkload.QUEUE_LABEL, "q", KueueWorkload.PRIORITY_LABEL, "urgent"));
        JsonNode newer = created(urgent, "v1beta2", Optional.of(7)).path("spec");
        assertThat(newer.path("priority").asInt()).isEqualTo(7);
        assertThat(newer.path("priorityClassRef"))
                .isEqualTo(Jobs.yaml("{group: kueue.x-k8s.io, kind: WorkloadPriorityClass, name: urgent}"));
        assertThat(newer.has("priorityClassName")).isFalse();

        JsonNode older = created(urgent, "v1beta1", Optional.of(7)).path("spec");
        assertThat(older.path("priorityClassName").asText()).isEqualTo("urgent");
        assertThat(older.path("priorityClassSource").asText()).isEqualTo("kueue.x-k8s.io/workloadpriorityclass");
        assertThat(older.has("priorityClassRef")).isFalse();

        SwavJob ofPods = job("replicas: 1", Map.of(KueueWorkload.QUEUE_LABEL, "q"));
        assertThat(created(ofPods, "v1beta2", Optional.of(1)).at("/spec/priorityClassRef"))
                .isEqualTo(Jobs.yaml("{group: scheduling.k8s.io, kind: PriorityClass, name: batch}"));
        assertThat(created(ofPods, "v1beta1", Optional.of(1))
                        .at("/spec/priorityClassSource")
                        .asText())
                .isEqualTo("scheduling.k8s.io/priorityclass");
    }

    @Test
    void anEmptyLabelNamesNoQueue() {
        assertThat(WorkloadRequest.queue(job("replicas: 1", Map.of(KueueWorkload.QUEUE_LABEL, ""))))
                .isEmpty();
        assertThat(WorkloadRequest.queue(Jobs.job("replicas: 1"))).isEmpty();
    }
}
