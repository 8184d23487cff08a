package io.swav.operator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.swav.api.Contract;
import io.swav.api.SwavJob;
import io.swav.api.World;
import io.swav.plan.Book;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The ConfigMap {@code <job>-world}: the world for the trainers, and beside it the planner's book, so that both change
 * at once or not at all.
 *
 * @param resourceVersion that was read; null when it does not exist yet. Writing needs it unchanged.
 */
record WorldMap(World world, Book book, @Nullable String resourceVersion) {
    static final String BOOK_KEY = "ledger.json";

    private static final JsonMapper JSON = JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .build();

    /** Reads the map; one that was left by an earlier job of the same name counts as empty. */
    static WorldMap read(SwavJob job, Optional<ConfigMap> map) {
        String uid = job.getMetadata().getUid();
        String version = map.map(m -> m.getMetadata().getResourceVersion()).orElse(null);
        Map<String, String> data = map.map(ConfigMap::getData).orElse(Map.of());
        String world = data.get(Contract.WORLD_KEY);
        String book = data.get(BOOK_KEY);
        if (world == null || book == null) {
            return new WorldMap(World.none(uid), Book.EMPTY, version);
        }
        try {
            World read = JSON.readValue(world, World.class);
            return read.job().equals(uid)
                    ? new WorldMap(read, JSON.readValue(book, Book.class), version)
                    : new WorldMap(World.none(uid), Book.EMPTY, version);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(
                    "ConfigMap " + Contract.worldName(job.getMetadata().getName())
                            + " was written by someone else: delete it to form a new world",
                    e);
        }
    }

    static ConfigMap of(SwavJob job, World world, Book book, @Nullable String resourceVersion) {
        try {
            return new ConfigMapBuilder()
                    .withMetadata(
                            Owned.meta(job, Contract.worldName(job.getMetadata().getName())))
                    .editMetadata()
                    .withResourceVersion(resourceVersion)
                    .endMetadata()
                    .withData(new TreeMap<>(Map.of(
                            Contract.WORLD_KEY,
                            JSON.writeValueAsString(world),
                            BOOK_KEY,
                            JSON.writeValueAsString(book))))
                    .build();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("world " + world, e);
        }
    }
}
