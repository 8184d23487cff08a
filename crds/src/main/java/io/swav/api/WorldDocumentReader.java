package io.swav.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads world documents strictly: a text that means something else to another reader is no world. */
final class WorldDocumentReader {
    /** The longest excerpt of a document in a message, characters: the document may have a megabyte in one line. */
    private static final int EXCERPT = 120;

    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();

    private WorldDocumentReader() {}

    /** See {@link WorldDocument#read}. */
    static WorldDocument read(String text, String job, long newest, int maxMembers) {
        World world;
        try {
            @Nullable World parsed = JSON.readValue(text, World.class);
            if (parsed == null) {
                return new WorldDocument.Unusable("is null");
            }
            world = parsed;
        } catch (JsonProcessingException e) {
            return new WorldDocument.Unusable("cannot be read: " + problem(e));
        }
        if (!job.isEmpty() && !job.equals(world.job())) {
            return new WorldDocument.Foreign(shortened(world.job()));
        }
        return generationProblem(world, newest)
                .or(() -> membersProblem(world, maxMembers))
                .<WorldDocument>map(WorldDocument.Unusable::new)
                .orElseGet(() -> new WorldDocument.Usable(world));
    }

    private static Optional<String> generationProblem(World world, long newest) {
        long generation = world.generation();
        if (generation == 0 && world.size() > 0) {
            return Optional.of("has members but no generation: generations count from 1");
        }
        if (generation > WorldDocument.MAX_GENERATION) {
            return Optional.of("has generation " + generation + ", above " + WorldDocument.MAX_GENERATION
                    + ": no later generation might follow it");
        }
        return newest > 0 && generation - newest > WorldDocument.MAX_AHEAD
                ? Optional.of("has generation " + generation + ", but the newest known one is " + newest
                        + ": the operator counts by one")
                : Optional.empty();
    }

    private static Optional<String> membersProblem(World world, int maxMembers) {
        if (world.size() > maxMembers) {
            return Optional.of("names " + world.size() + " members, but the job has work for " + maxMembers
                    + " (training.globalBatch / training.groupSize)");
        }
        Set<String> uids = new HashSet<>();
        Set<String> pods = new HashSet<>();
        for (int rank = 0; rank < world.size(); rank++) {
            World.Member member = world.members().get(rank);
            Optional<String> problem = memberProblem(member, uids, pods);
            if (problem.isPresent()) {
                return Optional.of("is wrong about rank " + rank + ": " + problem.get());
            }
        }
        return Optional.empty();
    }

    private static Optional<String> memberProblem(World.Member member, Set<String> uids, Set<String> pods) {
        if (isBlank(member.uid())) {
            return Optional.of("it has no uid");
        }
        if (isBlank(member.pod())) {
            return Optional.of("it has no pod");
        }
        if (!uids.add(member.uid())) {
            return Optional.of("its uid " + shortened(member.uid()) + " is that of another member");
        }
        if (!pods.add(member.pod())) {
            return Optional.of("its pod " + shortened(member.pod()) + " is that of another member");
        }
        if (isBlank(member.address())) {
            return Optional.of("it has no address");
        }
        return PeerAddress.parse(member.address()).isPresent()
                ? Optional.empty()
                : Optional.of("its address " + shortened(member.address())
                        + " is not host:port, with a port from 1 to 65535");
    }

    private static boolean isBlank(@Nullable String text) {
        return text == null || text.isBlank();
    }

    private static String problem(JsonProcessingException e) {
        if (e instanceof MismatchedInputException mismatch
                && !mismatch.getPath().isEmpty()) {
            String place = mismatch.getPath().stream()
                    .map(step -> step.getFieldName() == null ? "[" + step.getIndex() + "]" : "." + step.getFieldName())
                    .collect(Collectors.joining());
            return "the value of " + shortened(place.substring(1)) + " has the wrong type";
        }
        String message = e.getCause() instanceof IllegalArgumentException ofRecord
                ? ofRecord.getMessage()
                : e.getOriginalMessage();
        return shortened(String.valueOf(message));
    }

    /** Returns the beginning of a text as one printable line. */
    private static String shortened(String text) {
        String begin = text.substring(0, Math.min(text.length(), EXCERPT)).replaceAll("\\p{C}|\\s", " ");
        return begin.length() < text.length() ? begin + "..." : begin;
    }
}
