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
 * @param entries what else the map contains
 * @param resourceVersion that was read; null if the map does not exist yet. A write needs it unchanged.
 */
record WorldConfigMap(
        World world,
        PlannerState state,
        Entries entries,
        Condition condition,
        @Nullable String resourceVersion) {
    static final String STATE_KEY = "ledger.json";
    /** The operator's own: an {@link AcceptedSpec}. */
    static final String ACCEPTED_KEY = "accepted.json";
    /** The operator's own: the digest of the handshake key that running trainers hold. */
    static final String HANDSHAKE_KEY = "handshake-digest";
    /** The operator's own: an {@link Outbox}. */
    static final String OUTBOX_KEY = "events.json";

    /** What the object is like that has the map's name. */
    enum Condition {
        ABSENT,
        INTACT,
        /** Its labels or its owner were changed; the next write puts them back. */
        CHANGED,
        IMMUTABLE,
        /** An earlier job's: the garbage collector deletes it. */
        REMNANT,
        FOREIGN;

        /** Whether the operator may write the map. */
        boolean isOurs() {
            return this != REMNANT && this != FOREIGN;
        }

        private static Condition of(SwavJob job, ConfigMap map) {
            return switch (Ownership.of(map, job)) {
                case REMNANT -> REMNANT;
                case FOREIGN -> FOREIGN;
                case OURS -> ofOurs(job, map);
            };
        }

        private static Condition ofOurs(SwavJob job, ConfigMap map) {
            if (Boolean.TRUE.equals(map.getImmutable())) {
                return IMMUTABLE;
            }
            return DependentCheck.isMetadataIntact(empty(job).getMetadata(), map.getMetadata()) ? INTACT : CHANGED;
        }
    }

    /**
     * The entries beside the world and the planner's state; an empty one is absent.
     *
     * @param request for a checkpoint
     * @param checkpointsSeen the store in which verified checkpoints were seen
     * @param accepted an {@link AcceptedSpec}, as stored
     * @param handshake the digest of the key that running trainers hold
     * @param reportRules {@link io.swav.api.ReportRules}, as stored
     * @param outbox an {@link Outbox}, as stored
     */
    record Entries(
            String request,
            String checkpointsSeen,
            String accepted,
            String handshake,
            String reportRules,
            String outbox) {
        static final Entries NONE = new Entries("", "", "", "", "", "");

        /** Returns what the map should contain beside world and state, with an empty outbox. */
        static Entries of(SwavJob job, String accepted, String handshake, String reportRules) {
            return new Entries(
                    WorldConfigMap.request(job),
                    WorldConfigMap.checkpointsSeen(job),
                    accepted,
                    handshake,
                    reportRules,
                    "");
        }

        Entries withOutbox(String stored) {
            return new Entries(request, checkpointsSeen, accepted, handshake, reportRules, stored);
        }

        private static Entries read(Map<String, String> data) {
            return new Entries(
                    data.getOrDefault(ResourceNames.CHECKPOINT_REQUEST_KEY, ""),
                    data.getOrDefault(ResourceNames.CHECKPOINTS_SEEN_KEY, ""),
                    data.getOrDefault(ACCEPTED_KEY, ""),
                    data.getOrDefault(HANDSHAKE_KEY, ""),
                    data.getOrDefault(ResourceNames.REPORT_RULES_KEY, ""),
                    data.getOrDefault(OUTBOX_KEY, ""));
        }

        private void addTo(Map<String, String> data) {
            Map.of(
                            ResourceNames.CHECKPOINT_REQUEST_KEY,
                            request,
                            ResourceNames.CHECKPOINTS_SEEN_KEY,
                            checkpointsSeen,
                            ACCEPTED_KEY,
                            accepted,
                            HANDSHAKE_KEY,
                            handshake,
                            ResourceNames.REPORT_RULES_KEY,
                            reportRules,
                            OUTBOX_KEY,
                            outbox)
                    .forEach((key, value) -> {
                        if (!value.isEmpty()) {
                            data.put(key, value);
                        }
                    });
        }
    }

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

    /** Reads the map; a map that is not the job's counts as empty. */
    static WorldConfigMap read(SwavJob job, Optional<ConfigMap> map) {
        World none = World.none(job.getMetadata().getUid());
        if (map.isEmpty()) {
            return new WorldConfigMap(none, PlannerState.EMPTY, Entries.NONE, Condition.ABSENT, null);
        }
        Condition condition = Condition.of(job, map.get());
        String version = map.get().getMetadata().getResourceVersion();
        Map<String, String> data = map.get().getData();
        String world = data.get(ResourceNames.WORLD_KEY);
        String state = data.get(STATE_KEY);
        if (!condition.isOurs()) {
            return new WorldConfigMap(none, PlannerState.EMPTY, Entries.NONE, condition, version);
        }
        Entries entries = Entries.read(data);
        WorldConfigMap empty = new WorldConfigMap(none, PlannerState.EMPTY, entries, condition, version);
        if (world == null || state == null) {
            return empty;
        }
        long known = Optional.ofNullable(job.getStatus())
                .map(SwavJobStatus::world)
                .map(SwavJobStatus.WorldStatus::generation)
                .orElse(0L);
        WorldDocument document = WorldDocument.read(world, job.getMetadata().getUid(), known, Integer.MAX_VALUE);
        if (document instanceof WorldDocument.Unusable unusable) {
            throw unreadable(job, "the world document " + unusable.why(), null);
        }
        if (!(document instanceof WorldDocument.Usable usable)) { // an earlier job's, whose owner was removed
            return new WorldConfigMap(none, PlannerState.EMPTY, Entries.NONE, condition, version);
        }
        try {
            PlannerState planned = parse(state, StoredPlannerState.class).plannerState();
            return new WorldConfigMap(usable.world(), planned, entries, condition, version);
        } catch (JsonProcessingException e) {
            throw unreadable(job, e.getOriginalMessage(), e);
        }
    }

    /**
     * Returns the spec that was accepted last; empty before the first one, and in a map of an earlier version.
     *
     * @param config the trainers' configuration, a copy of the spec
     * @throws UnreadableException if the spec was edited and the copy is of another one
     */
    Optional<AcceptedSpec> accepted(SwavJob job, Optional<String> config) {
        if (entries.accepted().isEmpty()) {
            return Optional.empty();
        }
        return AcceptedSpec.read(entries.accepted())
                .or(() -> config.flatMap(copy -> AcceptedSpec.restore(entries.accepted(), copy, job.getSpec())))
                .or(() -> {
                    throw unreadable(
                            job,
                            ACCEPTED_KEY + ", the spec that was accepted last, was edited, and ConfigMap "
                                    + ResourceNames.configName(job.getMetadata().getName()) + " has another one",
                            null);
                });
    }

    /** Returns the Events that are still to be written, or were written lately. */
    Outbox outbox() {
        return Outbox.read(entries.outbox());
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
                entries,
                condition,
                resourceVersion);
    }

    /** Returns what the user requests with the annotation; trainers save when it changes. */
    private static String request(SwavJob job) {
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

    /** Returns the map without data, as it is created. */
    static ConfigMap empty(SwavJob job) {
        return new ConfigMapBuilder()
                .withMetadata(OwnerMetadata.meta(
                        job, ResourceNames.worldName(job.getMetadata().getName())))
                .build();
    }

    static ConfigMap of(
            SwavJob job, World world, PlannerState state, Entries entries, @Nullable String resourceVersion) {
        Map<String, String> data = new TreeMap<>();
        entries.addTo(data);
        if (!state.pods().trials().isEmpty()) {
            data.put(
                    ResourceNames.NEWCOMERS_KEY,
                    NewcomerList.write(
                            state.pods().trials().stream().map(Trial::newcomer).toList()));
        }
        try {
            data.put(ResourceNames.WORLD_KEY, JSON.writeValueAsString(world));
            data.put(STATE_KEY, JSON.writeValueAsString(StoredPlannerState.of(state)));
            return new ConfigMapBuilder(empty(job))
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
