package io.swav.trainer;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.Shown;
import io.swav.data.CropBatches;
import io.swav.model.NotFiniteValue;
import io.swav.trainer.NotFiniteDecision.RankFacts;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Describes what one rank found about a step that is not finite. Every rank sends its own to all others, so it is
 * small: {@value #FINDINGS} findings, {@value #SAMPLES} samples of each.
 *
 * @param found empty if this rank's groups and state are finite by themselves
 */
record NotFiniteReport(int rank, String pod, RankFacts facts, List<Finding> found) {
    private static final int FINDINGS = 4;
    private static final int SAMPLES = 32;
    /** Below the length of {@link Shown}. */
    private static final int NAME_LENGTH = 110;
    /** The samples that a sentence names; the capture names more. */
    private static final int SHOWN = 3;

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * A value that is not finite, with the samples of its group.
     *
     * @param group null for a value in the state
     * @param loss of the group by itself, nats; null for a value in the state
     * @param gradientNorm of the group by itself; null for a value in the state
     * @param samples names of the first samples of the group
     * @param moreSamples how many others the group has
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Finding(
            @Nullable Integer group,
            String tensor,
            @Nullable Double loss,
            @Nullable Double gradientNorm,
            List<String> samples,
            int moreSamples) {
        static Finding of(NotFiniteValue value, CropBatches batches, long step) {
            if (value.inState()) {
                return new Finding(null, value.tensor(), null, null, List.of(), 0);
            }
            long[] samples = batches.samples(step, value.group());
            List<String> names = Arrays.stream(samples)
                    .limit(SAMPLES)
                    .mapToObj(sample -> shown(batches.name(sample)))
                    .toList();
            return new Finding(
                    value.group(),
                    value.tensor(),
                    value.loss(),
                    value.gradientNorm(),
                    names,
                    samples.length - names.size());
        }

        /** The end of a long name says which entry of which file it is. */
        private static String shown(String name) {
            return Shown.of(name.length() > NAME_LENGTH ? "…" + name.substring(name.length() - NAME_LENGTH) : name);
        }

        String sentence() {
            if (group == null) {
                return tensor + " in its memory";
            }
            long more = samples.size() + (long) moreSamples - Math.min(SHOWN, samples.size());
            return "group " + group + ", " + tensor + ", samples "
                    + String.join(", ", samples.subList(0, Math.min(SHOWN, samples.size())))
                    + (more > 0 ? " and " + more + " more" : "");
        }
    }

    static NotFiniteReport of(
            int rank, String pod, RankFacts facts, List<NotFiniteValue> values, CropBatches batches, long step) {
        List<Finding> found = values.stream()
                .limit(FINDINGS)
                .map(value -> Finding.of(value, batches, step))
                .toList();
        return new NotFiniteReport(rank, pod, facts, found);
    }

    static String toJson(Object value) {
        try {
            return JSON.writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    static NotFiniteReport ofJson(String json) {
        try {
            return JSON.readValue(json, NotFiniteReport.class);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a rank of this version sent " + json, e);
        }
    }

    /** Returns the reports of ranks that found something. */
    static Stream<NotFiniteReport> culprits(List<NotFiniteReport> ranks) {
        return ranks.stream().filter(rank -> !rank.found().isEmpty());
    }

    /** Describes where the first value was found, as a clause. */
    static String where(List<NotFiniteReport> ranks) {
        List<NotFiniteReport> culprits = culprits(ranks).toList();
        if (culprits.isEmpty()) {
            return "each group is finite by itself, so the sum over the batch overflows, or a message was damaged";
        }
        NotFiniteReport first = culprits.get(0);
        long others = culprits.stream().mapToLong(rank -> rank.found().size()).sum() - 1;
        return "rank " + first.rank() + " (" + first.pod() + "), "
                + first.found().get(0).sentence()
                + (others > 0 ? "; and " + others + " more, see the capture" : "");
    }
}
