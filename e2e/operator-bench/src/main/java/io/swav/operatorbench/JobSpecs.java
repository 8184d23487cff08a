package io.swav.operatorbench;

import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;

/** The jobs that the bench creates. */
final class JobSpecs {
    private JobSpecs() {}

    /**
     * Returns a job with a template of the usual size.
     *
     * @param replicas pods that a job with pods asks for
     */
    static SwavJob of(BenchJob job, int replicas) {
        // Without the account's token a pod need not wait for an old API server's token controller, which newer servers
        // do not have: the simulated trainers do not use it.
        return Serialization.unmarshal(
                """
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata:
                  name: %s
                  namespace: %s
                  labels: {team: vision, cost-center: "4711"}
                spec:
                  replicas: %d
                  suspend: %b
                  elastic: {minReplicas: 1, growAfterSeconds: 0}
                  data: {uri: file:///data/imagenet/train}
                  checkpoint: {uri: "s3://checkpoints/%s"}
                  template:
                    metadata:
                      annotations: {prometheus.io/scrape: "false", cluster-autoscaler.kubernetes.io/safe-to-evict: "true"}
                    spec:
                      automountServiceAccountToken: false
                      terminationGracePeriodSeconds: 15
                      nodeSelector: {cloud.google.com/gke-accelerator: nvidia-l4, cloud.google.com/gke-spot: "true"}
                      tolerations:
                        - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
                        - {key: cloud.google.com/gke-spot, operator: Equal, value: "true", effect: NoSchedule}
                      containers:
                        - name: trainer
                          image: ghcr.io/swav-operator/swav-trainer:0.1.0
                          resources:
                            requests: {cpu: "7", memory: 24Gi, nvidia.com/gpu: "1"}
                            limits: {memory: 24Gi, nvidia.com/gpu: "1"}
                          env:
                            - {name: AWS_REGION, value: eu-central-1}
                            - {name: AWS_ACCESS_KEY_ID, valueFrom: {secretKeyRef: {name: s3, key: id}}}
                            - {name: AWS_SECRET_ACCESS_KEY, valueFrom: {secretKeyRef: {name: s3, key: secret}}}
                          volumeMounts: [{name: shm, mountPath: /dev/shm}, {name: data, mountPath: /data}]
                      volumes:
                        - {name: shm, emptyDir: {medium: Memory, sizeLimit: 8Gi}}
                        - {name: data, persistentVolumeClaim: {claimName: imagenet, readOnly: true}}
                """.formatted(job.name(), job.namespace(), replicas, job.kind() == JobKind.SUSPENDED, job.name()),
                SwavJob.class);
    }
}
