package io.swav.operator;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.swav.api.Fingerprints;
import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The last valid spec of a job, without its template, as it is stored beside the world. Its digest is stored with it, so
 * that an edit is noticed, also by an operator that starts after it.
 *
 * @param generation metadata.generation of the job when the spec was accepted
 * @param digest of the spec
 */
record AcceptedSpec(long generation, String digest, JsonNode spec) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String GENERATION = "generation";
    private static final String DIGEST = "digest";
    private static final String SPEC = "spec";

    static AcceptedSpec of(SwavJobSpec spec, long generation) {
        ObjectNode json = node(SpecLoader.config(spec))
                .filter(ObjectNode.class::isInstance)
                .map(ObjectNode.class::cast)
                .orElseThrow();
        return of(json.setAll(operatorsOwn(JSON.valueToTree(spec))), generation);
    }

    /** Returns the fields that the trainers' configuration lacks. */
    private static ObjectNode operatorsOwn(JsonNode spec) {
        return spec.isObject()
                ? ((ObjectNode) spec.deepCopy()).retain(SpecLoader.OPERATORS_OWN)
                : JSON.createObjectNode();
    }

    private static AcceptedSpec of(JsonNode spec, long generation) {
        return new AcceptedSpec(generation, digest(spec), spec);
    }

    /** Reads what is stored; empty if it was edited. */
    static Optional<AcceptedSpec> read(String stored) {
        return parse(stored).filter(accepted -> digest(accepted.spec()).equals(accepted.digest()));
    }

    /**
     * Returns the spec whose digest is stored from another copy of it; empty if that is another spec.
     *
     * @param config the trainers' configuration
     * @param present the job's spec, which has what that lacks
     */
    static Optional<AcceptedSpec> restore(String stored, String config, @Nullable SwavJobSpec present) {
        return parse(stored)
                .flatMap(edited -> Stream.of(edited.spec(), JSON.<JsonNode>valueToTree(present))
                        .flatMap(own -> node(config)
                                .filter(ObjectNode.class::isInstance)
                                .map(copy -> of(((ObjectNode) copy).setAll(operatorsOwn(own)), edited.generation()))
                                .stream())
                        .filter(copy -> copy.digest().equals(edited.digest()))
                        .findFirst());
    }

    private static Optional<AcceptedSpec> parse(String stored) {
        return node(stored)
                .map(all -> new AcceptedSpec(
                        all.path(GENERATION).asLong(), all.path(DIGEST).asText(), all.path(SPEC)));
    }

    private static Optional<JsonNode> node(String json) {
        try {
            return Optional.ofNullable(JSON.readTree(json));
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    private static String digest(JsonNode spec) {
        return Fingerprints.digest(spec.toString().getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Returns what to store beside the world: as it is while neither the accepted spec nor the job's generation changes,
     * so that a restart of the operator writes nothing.
     */
    static String toStore(JobSnapshot snapshot) {
        String stored = snapshot.worldMap().entries().accepted();
        long generation = snapshot.job().getMetadata().getGeneration();
        boolean isPresentAccepted = snapshot.problems().isEmpty();
        Optional<AcceptedSpec> intact =
                read(stored).filter(last -> !isPresentAccepted || last.generation() == generation);
        return intact.map(last -> stored)
                .or(() -> snapshot.accepted()
                        .map(spec ->
                                of(spec, isPresentAccepted ? generation : 0).stored()))
                .orElse(stored);
    }

    /** Whether the job has changed since the spec was stored, perhaps while no operator ran. */
    static boolean isOfEarlierGeneration(JobSnapshot snapshot) {
        long generation = snapshot.job().getMetadata().getGeneration();
        return read(snapshot.worldMap().entries().accepted())
                .filter(stored -> stored.generation() != generation)
                .isPresent();
    }

    /** Returns the JSON to store. */
    String stored() {
        ObjectNode all = JSON.createObjectNode();
        all.put(GENERATION, generation);
        all.put(DIGEST, digest);
        all.set(SPEC, spec);
        return all.toString();
    }

    /** Returns the spec; empty if it is none that this version can read. */
    Optional<SwavJobSpec> read() {
        try {
            return Optional.ofNullable(JSON.treeToValue(spec, SwavJobSpec.class));
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }
}
