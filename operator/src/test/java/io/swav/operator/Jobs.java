package io.swav.operator;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.TrainerReport;

/** Creates jobs for tests as the API server would return them, with defaults. */
final class Jobs {
    private Jobs() {}

    static SwavJob job(String fields) {
        SwavJob job = new SwavJob();
        job.setMetadata(new ObjectMetaBuilder()
                .withName("job")
                .withNamespace("ns")
                .withUid("uid-1")
                .withGeneration(1L)
                .withCreationTimestamp("2026-01-01T00:00:00Z")
                .build());
        job.setSpec(SpecLoader.complete(
                "test",
                yaml("{" + fields + ", data: {uri: file:///data},"
                        + " template: {spec: {containers: [{name: trainer, image: swav-trainer}]}}}")));
        return job;
    }

    static JsonNode richTemplate() {
        return yaml("""
                metadata: {labels: {team: vision, swav.io/job: not-mine}, annotations: {note: kept}}
                spec:
                  restartPolicy: Always
                  serviceAccountName: theirs
                  nodeSelector: {gpu: h100}
                  priorityClassName: batch
                  tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, tolerationSeconds: 5}]
                  volumes: [{name: data, hostPath: {path: /data}}]
                  containers:
                  - {name: sidecar, image: proxy}
                  - name: trainer
                    image: swav-trainer
                    env: [{name: SWAV_RUN_DIR, value: /elsewhere}, {name: NCCL_DEBUG, value: INFO}]
                    ports: [{name: swav, containerPort: 7777}]
                    resources: {limits: {nvidia.com/gpu: 1}}
                    readinessProbe: {httpGet: {port: 1}}
                    terminationMessagePolicy: File
                    volumeMounts: [{name: data, mountPath: /data}]
                """);
    }

    static JsonNode yaml(String text) {
        return Serialization.unmarshal("---\n" + text, JsonNode.class);
    }

    /** Creates a trainer's report; what the YAML lacks is absent, or zero. */
    static TrainerReport report(String yaml) {
        return Serialization.unmarshal("---\n" + yaml, TrainerReport.class);
    }
}
