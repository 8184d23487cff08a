package io.swav.chaos;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.informers.ResourceEventHandler;
import io.fabric8.kubernetes.client.informers.SharedIndexInformer;
import io.swav.api.PeerAddress;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.TrainerReport;
import io.swav.local.LocalClusterException;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Finds the ports at which a job's trainers listen for their peers, from the reports of the trainers. */
final class TrainerReports implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.READ_UNKNOWN_ENUM_VALUES_AS_NULL)
            .build();

    private final SharedIndexInformer<ConfigMap> informer;
    private final Consumer<Map<String, Integer>> onChange;
    private volatile Map<String, Integer> ports = Map.of();
    private volatile @Nullable LocalClusterException failure;

    /** @param onChange receives {@link #ports} before the other callers see them */
    TrainerReports(KubernetesClient client, SwavJob job, Consumer<Map<String, Integer>> onChange) {
        this.onChange = onChange;
        this.informer = client.configMaps()
                .inNamespace(job.getMetadata().getNamespace())
                .withName(ResourceNames.progressName(job.getMetadata().getName()))
                .inform(new ResourceEventHandler<ConfigMap>() {
                    @Override
                    public void onAdd(ConfigMap map) {
                        read(map);
                    }

                    @Override
                    public void onUpdate(ConfigMap before, ConfigMap map) {
                        read(map);
                    }

                    @Override
                    public void onDelete(ConfigMap map, boolean unknownState) {}
                });
    }

    /**
     * The port of every trainer that has reported one, by pod; a pod that has ended may still be there.
     *
     * @throws LocalClusterException if a report could not be read, or {@code onChange} failed
     */
    Map<String, Integer> ports() {
        LocalClusterException failed = failure;
        if (failed != null) {
            throw failed;
        }
        return ports;
    }

    private void read(ConfigMap map) {
        try {
            Map<String, Integer> now = new TreeMap<>();
            map.getData().forEach((pod, text) -> port(pod, text).ifPresent(port -> now.put(pod, port)));
            if (!now.equals(ports)) {
                onChange.accept(now);
                ports = now;
            }
        } catch (LocalClusterException e) { // for the storm's own thread
            failure = e;
        }
    }

    private static Optional<Integer> port(String pod, String text) {
        try {
            String address = JSON.readValue(text, TrainerReport.class).address();
            return Optional.ofNullable(address).flatMap(PeerAddress::parse).map(PeerAddress::port);
        } catch (JsonProcessingException e) {
            throw new LocalClusterException("the report of " + pod + " cannot be read: " + text, e);
        }
    }

    @Override
    public void close() {
        informer.close();
    }
}
