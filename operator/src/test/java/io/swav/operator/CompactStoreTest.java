package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.swav.api.SwavJob;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class CompactStoreTest {
    private final KubernetesSerialization serialization = CachedParts.serialization();

    private <T extends HasMetadata> void comesBackAsItWas(T object, Class<T> type) {
        CompactStore<T> store = new CompactStore<>(serialization, type);
        byte[] compressed = store.compress(object);
        assertThat(serialization.asJson(store.decompress(compressed))).isEqualTo(serialization.asJson(object));
        assertThat(compressed.length)
                .isLessThan(serialization.asJson(object).getBytes(StandardCharsets.UTF_8).length * 2 / 3);
    }

    @Test
    void objectsComeBackAsTheyWere() {
        SwavJob job = Jobs.job("replicas: 3, elastic: {minReplicas: 2}");
        comesBackAsItWas(serialization.unmarshal(Serialization.asJson(job), SwavJob.class), SwavJob.class);
        comesBackAsItWas(TrainerPod.of(job, Jobs.richTemplate(), "job-0"), Pod.class);
    }

    private static ConfigMap map(String name, String version) {
        return new ConfigMapBuilder()
                .withNewMetadata()
                .withNamespace("ns")
                .withName(name)
                .withResourceVersion(version)
                .endMetadata()
                .addToData("key", "Wert: ü")
                .build();
    }

    @Test
    void keepsTheLastVersionOfEachObject() {
        CompactStore<ConfigMap> store = new CompactStore<>(serialization, ConfigMap.class);
        assertThat(store.put("ns/a", map("a", "1"))).isNull();
        assertThat(store.put("ns/b", map("b", "2"))).isNull();
        assertThat(store.put("ns/a", map("a", "3"))).isEqualTo(map("a", "1"));
        assertThat(store.getKey(map("a", "3"))).isEqualTo("ns/a");
        assertThat(store.get("ns/a")).isEqualTo(map("a", "3"));
        assertThat(store.keySet()).containsExactlyInAnyOrder("ns/a", "ns/b");
        assertThat(store.values()).containsExactlyInAnyOrder(map("a", "3"), map("b", "2"));
        assertThat(store.remove("ns/b")).isEqualTo(map("b", "2"));
        assertThat(store.get("ns/b")).isNull();
        assertThat(store.size()).isEqualTo(1);
    }
}
