package io.swav.operatorbench;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.World;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;

/** The one watcher of the bench: it sees jobs, pods and worlds, and drives the simulated pods by them. */
final class ClusterWatch implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Map<String, BenchJob> jobs = new ConcurrentHashMap<>();
    private final SimulatedPods pods;
    private final List<SharedIndexInformer<?>> informers;

    ClusterWatch(KubernetesClient client, SimulatedPods pods) {
        this.pods = pods;
        this.informers = List.of(
                client.resources(SwavJob.class).inAnyNamespace().inform(handler((job, exists) -> job(job))),
                client.pods()
                        .inAnyNamespace()
                        .withLabel(ResourceNames.LABEL_JOB)
                        .inform(handler(this::pod)),
                client.configMaps()
                        .inAnyNamespace()
                        .withLabel(ResourceNames.LABEL_JOB)
                        .inform(handler((map, exists) -> map(map))));
    }

    /** Takes note of a job that is about to be created. */
    void expect(BenchJob job) {
        jobs.put(key(job.namespace(), job.name()), job);
    }

    /** Forgets a job that is about to be deleted. */
    void forget(BenchJob job) {
        jobs.remove(key(job.namespace(), job.name()));
    }

    Collection<BenchJob> jobs() {
        return jobs.values();
    }

    private void job(SwavJob job) {
        Optional.ofNullable(jobs.get(
                        key(job.getMetadata().getNamespace(), job.getMetadata().getName())))
                .ifPresent(
                        known -> known.seen(Optional.ofNullable(job.getStatus()).orElse(SwavJobStatus.EMPTY)));
    }

    private void pod(Pod pod, boolean exists) {
        find(pod).ifPresent(job -> job.seen(pod, exists));
        if (exists) {
            pods.seen(pod);
        } else {
            pods.gone(pod);
        }
    }

    private void map(ConfigMap map) {
        String world = map.getData() == null ? null : map.getData().get(ResourceNames.WORLD_KEY);
        if (world == null) {
            return; // another of the job's maps
        }
        find(map).ifPresent(job -> {
            World now = read(world);
            job.seen(now);
            pods.seen(job, now);
        });
    }

    private Optional<BenchJob> find(HasMetadata object) {
        return Optional.ofNullable(jobs.get(key(object.getMetadata().getNamespace(), BenchJob.nameOf(object))));
    }

    private static World read(String world) {
        try {
            return JSON.readValue(world, World.class);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the operator wrote an unreadable world: " + world, e);
        }
    }

    private static String key(String namespace, String name) {
        return namespace + "/" + name;
    }

    private static <T> ResourceEventHandler<T> handler(BiConsumer<T, Boolean> seen) {
        return new ResourceEventHandler<>() {
            @Override
            public void onAdd(T object) {
                seen.accept(object, true);
            }

            @Override
            public void onUpdate(T before, T object) {
                seen.accept(object, true);
            }

            @Override
            public void onDelete(T object, boolean finalStateUnknown) {
                seen.accept(object, false);
            }
        };
    }

    @Override
    public void close() {
        informers.forEach(SharedIndexInformer::close);
    }
}
