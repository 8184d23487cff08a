package io.swav.operator;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.swav.api.NewcomerList;
import io.swav.api.ResourceNames;
import io.swav.api.SwavJob;
import io.swav.api.SwavJobStatus;
import io.swav.api.World;
import io.swav.api.WorldDocument;
import io.swav.planner.LedgerState;
import io.swav.planner.PlannerState;
import io.swav.planner.PlannerState.Trial;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The ConfigMap {@code <job>-world}: the world for the trainers, and beside it the planner's state, so that both change
 * at once or not at all.
 *
 * @param request for a checkpoint, as the map contains it; empty for none
 * @param checkpointsSeen the store in which verified checkpoints were seen, as the map contains it; empty for none
 * @param resourceVersion that was read; null if the map does not exist yet. A write needs it unchanged.
 */
record WorldConfigMap(
        World world,
        PlannerState state,
        String request,
        String checkpointsSeen,
        @Nullable String resourceVersion) {
    static final String STATE_KEY = "ledger.json";

    /** Leaves a count of none out, as earlier operators' states do. */
    interface StoredCounts {
        @JsonInclude(JsonInclude.Include.NON_DEFAULT)
        long divergences();
    }

    private static final JsonMapper JSON = JsonMapper.builder()
            .addMixIn(LedgerState.Counts.class, StoredCounts.class)
            .addModule(new JavaTimeModule())
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES) // a newer operator's state, after a rollback
            .build();

    /** Reads the map; a map left by an earlier job of the same name counts as empty. */
    static WorldConfigMap read(SwavJob job, Optional<ConfigMap> map) {
        String uid = job.getMetadata().getUid();
        String version = map.map(m -> m.getMetadata().getResourceVersion()).orElse(null);
        Map<String, String> data = map.map(ConfigMap::getData).orElse(Map.of());
        String world = data.get(ResourceNames.WORLD_KEY);
        String state = data.get(STATE_KEY);
        String request = data.getOrDefault(ResourceNames.CHECKPOINT_REQUEST_KEY, "");
        String checkpointsSeen = data.getOrDefault(ResourceNames.CHECKPOINTS_SEEN_KEY, "");
        if (world == null || state == null) {
            return new WorldConfigMap(World.none(uid), PlannerState.EMPTY, request, checkpointsSeen, version);
        }
        long known = Optional.ofNullable(job.getStatus())
                .map(SwavJobStatus::world)
                .map(SwavJobStatus.WorldStatus::generation)
                .orElse(0L);
        WorldDocument document = WorldDocument.read(world, uid, known, Integer.MAX_VALUE);
        if (document instanceof WorldDocument.Unusable unusable) {
            throw unreadable(job, "the world document " + unusable.why(), null);
        }
        if (!(document instanceof WorldDocument.Usable usable)) {
            return new WorldConfigMap(World.none(uid), PlannerState.EMPTY, request, checkpointsSeen, version);
        }
        try {
            PlannerState planned = parse(state, StoredPlannerState.class).plannerState();
            return new WorldConfigMap(usable.world(), planned, request, checkpointsSeen, version);
        } catch (JsonProcessingException e) {
            throw unreadable(job, e.getOriginalMessage(), e);
        }
    }

    private static UnreadableException unreadable(SwavJob job, String why, @Nullable Throwable cause) {
        return new UnreadableException(
                "ConfigMap " + ResourceNames.worldName(job.getMetadata().getName()) + " cannot be read: " + why
                        + ". The operator did not write it like this. Training continues, but no pods"
                        + " are created or replaced. Correct it, or delete it to form a new world with an empty"
                        + " ledger.",
                cause);
    }

    private static <T> T parse(String json, Class<T> type) throws JsonProcessingException {
        @Nullable T value = JSON.readValue(json, type);
        if (value == null) {
            throw new JsonMappingException(null, "null instead of a " + type.getSimpleName());
        }
        return value;
    }

    /** The map cannot be read; the message is for the status. */
    static final class UnreadableException extends RuntimeException {
        private static final long serialVersionUID = 1;

        UnreadableException(String message, @Nullable Throwable cause) {
            super(message, cause);
        }
    }

    /**
     * Returns a world without members that continues from these numbers, for a map that was deleted: trainers ignore a
     * generation that is older than theirs, and the store rejects its checkpoints.
     *
     * @param generation the last one known
     * @param nextPod a number that no pod has
     */
    WorldConfigMap after(long generation, long nextPod) {
        World none = new World(generation, world.job(), List.of(), "the world document was lost");
        return new WorldConfigMap(
                generation == 0 ? world : none,
                state.with(state.pods().withNext(nextPod)),
                request,
                checkpointsSeen,
                resourceVersion);
    }

    /** Returns what the user requests with the annotation; trainers save when it changes. */
    static String request(SwavJob job) {
        return Optional.ofNullable(job.getMetadata().getAnnotations())
                .map(all -> all.get(ResourceNames.ANNOTATION_CHECKPOINT))
                .orElse("");
    }

    /**
     * Returns the store in which the status lists a verified checkpoint: a trainer that finds none there must not start
     * from zero.
     */
    static String checkpointsSeen(SwavJob job) {
        return Optional.ofNullable(job.getStatus()).map(SwavJobStatus::checkpoints).orElse(List.of()).stream()
                .filter(entry -> Boolean.TRUE.equals(entry.verified()))
                .findFirst()
                .map(entry -> entry.uri().replaceFirst("/step-\\d+$", ""))
                .orElse("");
    }

    static ConfigMap of(SwavJob job, World world, PlannerState state, @Nullable String resourceVersion) {
        Map<String, String> data = new TreeMap<>();
        if (!request(job).isEmpty()) {
            data.put(ResourceNames.CHECKPOINT_REQUEST_KEY, request(job));
        }
        if (!checkpointsSeen(job).isEmpty()) {
            data.put(ResourceNames.CHECKPOINTS_SEEN_KEY, checkpointsSeen(job));
        }
        if (!state.pods().trials().isEmpty()) {
            data.put(
                    ResourceNames.NEWCOMERS_KEY,
                    NewcomerList.write(
                            state.pods().trials().stream().map(Trial::newcomer).toList()));
        }
        try {
            data.put(ResourceNames.WORLD_KEY, JSON.writeValueAsString(world));
            data.put(STATE_KEY, JSON.writeValueAsString(StoredPlannerState.of(state)));
            return new ConfigMapBuilder()
                    .withMetadata(OwnerMetadata.meta(
                            job, ResourceNames.worldName(job.getMetadata().getName())))
                    .editMetadata()
                    .withResourceVersion(resourceVersion)
                    .endMetadata()
                    .withData(data)
                    .build();
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("world " + world, e);
        }
    }
}
