package io.swav.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobSpec;
import io.swav.api.TrainerEnv;
import io.swav.api.TrainingSpec;
import io.swav.checkpoint.Store;
import io.swav.checkpoint.StoreFactory;
import io.swav.data.DataSet;
import io.swav.data.Sampler;
import io.swav.s3.S3Service;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;

/**
 * The job of a storm. The baseline and the storm differ in name, folders and elasticity; both have the same {@code
 * maths}, which determines the weights.
 *
 * @param maths the spec without replicas, elastic, template and checkpoint, as JSON
 * @param order the order of its samples
 * @param bucket has the images and the checkpoints, if they are not in folders
 */
record StormJob(SwavJobSpec spec, String maths, StormJudge.Order order, Optional<StormBucket> bucket) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long SEED = 31;
    static final String JAVA_OPTIONS = "JDK_JAVA_OPTIONS";
    /** Starts fast: the few cores are shared with the trainers that are training. */
    static final String FAST_START = "-XX:TieredStopAtLevel=1";

    /**
     * The network, the data and the amount of training.
     *
     * @param data URI of the images in a folder
     * @param batch images per step, over all ranks
     * @param normSize images that share batch statistics
     * @param queue features of each assigned crop that the queue keeps; 0 for no queue
     */
    record Size(
            String architecture,
            String data,
            long steps,
            int batch,
            int groupSize,
            int normSize,
            int queue,
            TrainingSpec.Reproducibility reproducibility) {
        private String assignment() {
            return queue == 0 ? "{}" : "{mode: Queue, queue: {length: " + queue + ", fromEpoch: 0}}";
        }
    }

    /** @param bucket that has the same images and is for the checkpoints, if the job's are not in folders */
    static StormJob of(Size size, Optional<StormBucket> bucket) {
        try (DataSet data = DataSet.open(size.data())) {
            Sampler sampler = new Sampler(data.size(), size.batch(), SEED);
            ObjectNode spec = Serialization.unmarshal(
                    """
                    model: {architecture: %s, stem: imagenet, prototypes: 100, featureDim: 64, hiddenDim: 128}
                    data: {uri: "%s", workers: 1}
                    crops: [{count: 2, size: 32, minScale: 0.3, maxScale: 1}]
                    assignment: %s
                    training:
                      globalBatch: %d
                      groupSize: %d
                      batchNorm: {groupSize: %d}
                      epochs: %d
                      maxSteps: %d
                      seed: %d
                      reproducibility: %s
                      prototypesFrozenSteps: 30
                      optimizer: {learningRate: 3, finalLearningRate: 0.003, warmupStart: 0.1, warmupEpochs: 0.3}
                    """.formatted(
                                    size.architecture(),
                                    bucket.map(StormBucket::images).orElse(size.data()),
                                    size.assignment(),
                                    size.batch(),
                                    size.groupSize(),
                                    size.normSize(),
                                    (size.steps() + sampler.stepsPerEpoch() - 1) / sampler.stepsPerEpoch(),
                                    size.steps(),
                                    SEED,
                                    size.reproducibility()),
                    ObjectNode.class);
            bucket.ifPresent(service -> spec.withObject("/data").set("s3", service.spec()));
            return new StormJob(
                    SpecLoader.complete("the storm's job", spec),
                    spec.toPrettyString(),
                    order(sampler, size.batch()),
                    bucket);
        }
    }

    private static StormJudge.Order order(Sampler sampler, int batch) {
        return new StormJudge.Order() {
            @Override
            public long epochOf(long step) {
                return sampler.epochOf(step);
            }

            @Override
            public List<Long> samplesOf(long step) {
                long first = sampler.firstPosition(step);
                return LongStream.range(first, first + batch)
                        .mapToObj(position -> sampler.sampleAt(sampler.epochOf(step), position))
                        .toList();
            }
        };
    }

    /**
     * The job as it is applied to the cluster.
     *
     * @param folder receives {@code journal} and, without a bucket, {@code checkpoints}
     * @param env additional environment variables of the trainers, which may refer to {@link TrainerEnv#POD}
     * @param images URI of the same images at another place
     */
    SwavJob object(String name, Path folder, Elastic elastic, Map<String, String> env, Optional<String> images) {
        ObjectNode job = Serialization.unmarshal(
                """
                apiVersion: swav.io/v1alpha1
                kind: SwavJob
                metadata: {name: %s, namespace: default}
                spec:
                  replicas: %d
                  elastic: {minReplicas: 1, maxReplicas: %d, spares: %d, growAfterSeconds: 0}
                  template:
                    spec:
                      terminationGracePeriodSeconds: 20
                      containers:
                        - name: trainer
                          image: swav-trainer
                          env:
                            - {name: OMP_WAIT_POLICY, value: PASSIVE}
                            - {name: %s, value: "%s"}
                            - {name: %s, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                  checkpoint: {uri: "%s", everySteps: %d, keep: 2}
                  recovery: {maxFailures: 1000000, avoidNodeAfterFailures: 0, hungAfterSeconds: %d}
                """.formatted(
                                name,
                                elastic.replicas(),
                                elastic.maxReplicas(),
                                elastic.spares(),
                                TrainerEnv.JOURNAL,
                                journal(folder),
                                TrainerEnv.POD,
                                bucket.map(place -> place.checkpoints(name)).orElse("file://" + checkpoints(folder)),
                                elastic.everySteps(),
                                elastic.hungAfterSeconds()),
                ObjectNode.class);
        ArrayNode variables = (ArrayNode) job.at("/spec/template/spec/containers/0/env");
        Map<String, String> all = new LinkedHashMap<>(env);
        all.putIfAbsent(JAVA_OPTIONS, FAST_START);
        all.forEach(
                (variable, value) -> variables.addObject().put("name", variable).put("value", value));
        job.withObject("/spec").setAll(Serialization.unmarshal(maths, ObjectNode.class));
        images.ifPresent(uri -> job.withObject("/spec/data").put("uri", uri));
        bucket.ifPresent(place -> {
            job.withObject("/spec/checkpoint").set("s3", place.spec());
            ObjectNode container = (ObjectNode) job.at("/spec/template/spec/containers/0");
            container.withArray("/envFrom").addObject().withObject("/secretRef").put("name", StormBucket.SECRET);
        });
        return JSON.convertValue(job, SwavJob.class);
    }

    /** The part of a job's spec that does not affect the weights. */
    record Elastic(int replicas, int maxReplicas, int spares, long everySteps, int hungAfterSeconds) {}

    static Path journal(Path folder) {
        return folder.resolve("journal");
    }

    private static Path checkpoints(Path folder) {
        return folder.resolve("checkpoints");
    }

    /** Opens the store of a run's checkpoints. */
    Store store(String name, Path folder) {
        return bucket.map(place -> place.store(name))
                .orElseGet(() -> StoreFactory.open(checkpoints(folder).toString(), S3Service.AWS));
    }
}
