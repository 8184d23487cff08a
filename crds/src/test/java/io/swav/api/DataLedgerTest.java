package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Tests which epoch sees which set, by enumeration and over random histories. */
class DataLedgerTest {
    private static final int BATCH = 4;
    private static final DataLedger ONE = DataLedger.of(10, "a");

    private static DataLedger.Entry set(long epoch, long samples) {
        return new DataLedger.Entry(epoch, samples, "d" + samples);
    }

    @Test
    void countsStepsOfEveryEpochWhateverItsLength() {
        DataLedger ledger = ONE.grown(set(3, 17)).grown(set(4, 18)).grown(set(9, 40));
        long step = 0;
        for (long epoch = 0; epoch < 15; epoch++) {
            long samples = epoch < 3 ? 10 : epoch < 4 ? 17 : epoch < 9 ? 18 : 40;
            assertThat(ledger.setOf(epoch).samples()).isEqualTo(samples);
            assertThat(ledger.firstStep(epoch, BATCH)).isEqualTo(step);
            assertThat(ledger.stepsIn(epoch, BATCH)).isEqualTo(samples / BATCH);
            for (long i = 0; i < samples / BATCH; i++, step++) {
                assertThat(ledger.epochOf(step, BATCH)).as("step %d", step).isEqualTo(epoch);
                assertThat(ledger.stepInEpoch(step, BATCH)).isEqualTo(i);
            }
        }
    }

    @Test
    void anEpochIsDecidedOnce() {
        DataLedger ledger = ONE.decided(5);
        assertThat(ledger.isDecided(5)).isTrue();
        assertThat(ledger.isDecided(6)).isFalse();
        assertThat(ledger.decided(3)).isEqualTo(ledger);
        assertThatThrownBy(() -> ledger.grown(set(5, 20))).isInstanceOf(IllegalArgumentException.class);
        assertThat(ledger.grown(set(6, 20)).through()).isEqualTo(6);
        assertThatThrownBy(() -> ledger.grown(set(6, 10))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void ofAnotherTrainingNothingIsTaken() {
        assertThat(ONE.following(DataLedger.of(10, "b").grown(set(1, 20)))).isEqualTo(ONE);
        assertThat(ONE.following(null)).isEqualTo(ONE);
    }

    @Test
    void survivesJsonAndRefusesNonsense() throws Exception {
        ObjectMapper json = new ObjectMapper();
        DataLedger ledger = ONE.grown(set(3, 17)).decided(8);
        assertThat(json.readValue(json.writeValueAsBytes(ledger), DataLedger.class))
                .isEqualTo(ledger);
        for (String nonsense : List.of(
                "{}",
                "{\"through\": 1, \"sets\": []}",
                "{\"through\": 1, \"sets\": [null]}",
                "{\"through\": 1, \"sets\": [{\"epoch\": 1, \"samples\": 5, \"digest\": \"a\"}]}",
                "{\"through\": 1, \"sets\": [{\"epoch\": 0, \"samples\": 5, \"digest\": \"a\"},"
                        + " {\"epoch\": 2, \"samples\": 6, \"digest\": \"b\"}]}",
                "{\"through\": 2, \"sets\": [{\"epoch\": 0, \"samples\": 5, \"digest\": \"a\"},"
                        + " {\"epoch\": 2, \"samples\": 5, \"digest\": \"b\"}]}",
                "{\"through\": 0, \"sets\": [{\"epoch\": 0, \"samples\": -5, \"digest\": \"a\"}]}",
                "{\"through\": 0, \"sets\": [{\"epoch\": 0, \"samples\": 5, \"digest\": \"a\\u202e\"}]}")) {
            assertThatThrownBy(() -> json.readValue(nonsense, DataLedger.class))
                    .as(nonsense)
                    .hasMessageNotContaining("\u202e");
        }
    }

    /**
     * A training that grows at random, whose trainers all die at random moments, also between the decision and the first step of
     * an epoch, and come back from any checkpoint: every step that is made again has the epoch and the set that it had.
     */
    @Test
    void whatWasTrainedIsTrainedAgainAlike() {
        for (int seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            DataLedger written = ONE; // what the store holds
            DataLedger held = ONE;
            long source = 10;
            long step = 0;
            List<DataLedger> checkpoints = new ArrayList<>(List.of(ONE));
            List<Long> steps = new ArrayList<>(List.of(0L));
            TreeMap<Long, String> made = new TreeMap<>();
            for (int event = 0; event < 150; event++) {
                source += random.nextInt(12) == 0 ? 1 + random.nextInt(9) : 0;
                long epoch = held.epochOf(step, BATCH);
                if (!held.isDecided(epoch)) {
                    assertThat(held.stepInEpoch(step, BATCH)).isZero();
                    DataLedger decided =
                            source > held.newest().samples() ? held.grown(set(epoch, source)) : held.decided(epoch);
                    written = decided;
                    held = random.nextInt(4) == 0 ? held : decided; // the world breaks: it decides again
                    continue;
                }
                String what = epoch + " " + held.setOf(epoch) + " " + held.stepInEpoch(step, BATCH);
                String before = made.put(step, what);
                assertThat(before == null || before.equals(what))
                        .as("seed %d, step %d: %s, now %s", seed, step, before, what)
                        .isTrue();
                step++;
                if (random.nextInt(5) == 0) {
                    checkpoints.add(held);
                    steps.add(step);
                } else if (random.nextInt(15) == 0) { // all die; the newest checkpoints may be damaged
                    int from = checkpoints.size() - 1 - random.nextInt(Math.min(3, checkpoints.size()));
                    step = steps.get(from);
                    held = checkpoints.get(from).following(written);
                }
            }
        }
    }
}
