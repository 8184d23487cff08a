package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import io.swav.api.Contract;
import io.swav.api.SwavJob;
import io.swav.api.World;
import io.swav.plan.Book;
import io.swav.plan.PodSeen;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ObserverTest {
    private final SwavJob job = Jobs.job("replicas: 2");
    private final List<String> asked = new ArrayList<>();

    /** An API server lists pods of an earlier time from its cache, after a restart or where there are several. */
    @Test
    void aMemberThatNoCacheHasIsGoneOnlyWhenTheApiServerSaysSo() {
        assertThat(uids(List.of(pod("job-0", "uid-0")), Optional.of(pod("job-1", "uid-1"))))
                .containsExactly("uid-0", "uid-1");
        assertThat(uids(List.of(pod("job-0", "uid-0")), Optional.empty())).containsExactly("uid-0");
        assertThat(uids(List.of(pod("job-0", "uid-0")), Optional.of(pod("job-1", "another"))))
                .as("a later pod of that name is not the member")
                .containsExactly("uid-0");
        assertThat(asked).containsOnly("job-1");
    }

    @Test
    void whereAllMembersAreSeenNobodyIsAsked() {
        assertThat(uids(List.of(pod("job-0", "uid-0"), pod("job-1", "uid-1")), Optional.empty()))
                .containsExactly("uid-0", "uid-1");
        assertThat(asked).isEmpty();
    }

    private List<String> uids(List<Pod> cached, Optional<Pod> live) {
        World world = new World(
                3,
                job.getMetadata().getUid(),
                List.of(new World.Member("job-0", "uid-0", "a:1"), new World.Member("job-1", "uid-1", "b:1")),
                "");
        ConfigMap map = WorldMap.of(job, world, Book.EMPTY, "7");
        Observer observer = new Observer(
                id -> Optional.of(map).filter(m -> id.getName().equals(Contract.worldName("job"))),
                node -> Optional.empty(),
                id -> live(id, live),
                new Hearing());
        return observer.observe(job, cached, Instant.EPOCH).pods().stream()
                .map(PodSeen::uid)
                .toList();
    }

    private Optional<Pod> live(ResourceID id, Optional<Pod> pod) {
        asked.add(id.getName());
        return pod;
    }

    private static Pod pod(String name, String uid) {
        return Serialization.unmarshal(
                "---\n{metadata: {name: " + name + ", namespace: ns, uid: " + uid
                        + ", creationTimestamp: '2026-01-01T00:00:00Z', ownerReferences: [{uid: uid-1}]}, spec: {},"
                        + " status: {phase: Running}}",
                Pod.class);
    }
}
