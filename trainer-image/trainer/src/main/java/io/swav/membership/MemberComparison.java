package io.swav.membership;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.swav.api.Fingerprints;
import io.swav.api.World;
import io.swav.collective.Collective;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * What all ranks of a world hold and train with, exchanged in one message of a few numbers from each. All ranks get
 * the same values, and draw the same conclusions from them.
 *
 * @param ranks in their order
 */
record MemberComparison(List<Entry> ranks) {
    private static final JsonMapper JSON = new JsonMapper();
    private static final int HEX = 16;
    private static final int DIGEST_LONGS = 4;
    private static final int LONGS = 5 + DIGEST_LONGS;

    /**
     * What one rank holds and trains with.
     *
     * @param key see {@link Fingerprints#key}
     * @param numerics see {@link Fingerprints#numericsKey}
     * @param course stands for the course of its state and what the document that it follows says about it
     */
    record Entry(StateElection.Offer offer, long key, long numerics, long course) {
        boolean holdsState() {
            return offer.step() >= 0;
        }
    }

    static MemberComparison of(Collective collective, TrainingState state, World published) {
        Fingerprints own = state.fingerprints();
        String course = state.course() + " " + published.epochs();
        byte[] mine = new byte[LONGS * Long.BYTES];
        ByteBuffer out = ByteBuffer.wrap(mine)
                .putLong(state.step())
                .putLong(own.key())
                .putLong(own.numericsKey())
                .putLong(Long.parseUnsignedLong(Fingerprints.digest(course.getBytes(StandardCharsets.UTF_8)), HEX));
        if (state.step() >= 0) {
            byte[] digest = state.digest();
            out.putLong(state.isAgreed(digest) ? 1 : 0).put(digest, 0, DIGEST_LONGS * Long.BYTES);
        }
        ByteBuffer all = ByteBuffer.wrap(RankExchange.bytes(collective, mine));
        return new MemberComparison(IntStream.range(0, collective.size())
                .mapToObj(rank -> entry(all))
                .toList());
    }

    private static Entry entry(ByteBuffer in) {
        long step = in.getLong();
        long key = in.getLong();
        long numerics = in.getLong();
        long course = in.getLong();
        boolean agreed = in.getLong() == 1;
        List<Long> digest = new ArrayList<>();
        for (int i = 0; i < DIGEST_LONGS; i++) {
            digest.add(in.getLong());
        }
        return new Entry(new StateElection.Offer(step, digest, agreed), key, numerics, course);
    }

    List<StateElection.Offer> offers() {
        return ranks.stream().map(Entry::offer).toList();
    }

    /** Whether equal states stay equal bit for bit: not in mode Fast on processors that round differently. */
    boolean computesAlike() {
        return ranks.stream().mapToLong(Entry::numerics).distinct().count() == 1;
    }

    /**
     * Returns the course that all ranks follow from now on: that of the state's source, with the changes of its document.
     *
     * @param election of the state
     */
    Course course(Collective collective, StateElection election, TrainingState state, World published) {
        Course own = state.course().following(published, Math.max(0, election.step()));
        if (ranks.stream().mapToLong(Entry::course).distinct().count() == 1) {
            return own;
        }
        List<String> all = RankExchange.texts(collective, new String(json(own), StandardCharsets.UTF_8));
        return parse(all.get(election.source()), Course.class);
    }

    /**
     * Requires that all ranks train with the same.
     *
     * @throws DisagreementException on all ranks alike if they do not; names those that differ from the state's holders
     */
    void requireAgreement(World world, Collective collective, TrainingState state) {
        if (ranks.stream().mapToLong(Entry::key).distinct().count() == 1) {
            return;
        }
        List<Fingerprints> all = fingerprints(collective, state.fingerprints());
        int reference = reference();
        List<String> parts = new ArrayList<>();
        for (int rank = 0; rank < ranks.size(); rank++) {
            if (ranks.get(rank).key() != ranks.get(reference).key()) {
                parts.add("pod " + world.members().get(rank).pod() + " "
                        + String.join(" and ", all.get(rank).differences(all.get(reference))));
            }
        }
        throw new DisagreementException("no step is made in generation " + world.generation() + ": "
                + String.join("; ", parts) + ". Training continues in the next world, without "
                + (parts.size() == 1 ? "it" : "them"));
    }

    /** Returns a rank that trains with what most holders of a state do, or most ranks if none holds one; the lowest of them. */
    private int reference() {
        boolean held = ranks.stream().anyMatch(Entry::holdsState);
        List<Entry> voters =
                ranks.stream().filter(rank -> !held || rank.holdsState()).toList();
        Map<Long, Integer> counts = new HashMap<>();
        voters.forEach(voter -> counts.merge(voter.key(), 1, Integer::sum));
        int most = counts.values().stream().mapToInt(count -> count).max().orElse(0);
        return voters.stream()
                .filter(voter -> counts.getOrDefault(voter.key(), 0) == most)
                .findFirst()
                .map(ranks::indexOf)
                .orElse(0);
    }

    /** Exchanges what the keys stand for, to name the difference. */
    private static List<Fingerprints> fingerprints(Collective collective, Fingerprints own) {
        return RankExchange.texts(collective, new String(json(own), StandardCharsets.UTF_8)).stream()
                .map(json -> parse(json, Fingerprints.class))
                .toList();
    }

    private static byte[] json(Object own) {
        try {
            return JSON.writeValueAsBytes(own);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a record is valid JSON", e);
        }
    }

    private static <T> T parse(String json, Class<T> type) {
        try {
            return JSON.readValue(json, type);
        } catch (IOException e) {
            throw new UncheckedIOException("a member sent what is no " + type.getSimpleName(), e);
        }
    }
}
