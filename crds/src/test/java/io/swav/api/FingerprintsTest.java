package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class FingerprintsTest {
    private static final Fingerprints JOB = of("c1", 40, "d1", 5, "0.1.0", true, "n1", "f1");

    @Test
    void saysInWordsWhatDiffers() {
        assertThat(JOB.differences(JOB)).isEmpty();
        assertThat(of("c1", 64, "d2", 5, "0.1.0", true, "n1", "f2").differences(JOB))
                .containsExactly("sees 64 images, the job 40");
        assertThat(of("c1", 40, "d2", 5, "0.1.0", true, "n1", "f2").differences(JOB))
                .containsExactly(
                        "sees other images than the job: also 40, but with other names or sizes (index digest d2,"
                                + " the job's d1)");
        assertThat(of("c1", 40, "d1", 4, "0.2.0", true, "n1", "f1").differences(JOB))
                .containsExactly(
                        "speaks version 4 of the trainers' protocol, the job version 5",
                        "runs build 0.2.0, the job build 0.1.0");
        assertThat(of("c1", 40, "d1", 5, "0.1.0", true, "n2", "f2").differences(JOB))
                .containsExactly(
                        "computes other bits (numerics fingerprint n2, the job's n1): mode Bitwise needs one kind"
                                + " of processor");
        assertThat(of("c1", 40, "d1", 5, "0.1.0", true, "n1", "f2").differences(JOB))
                .singleElement()
                .asString()
                .startsWith("computes other gradients from the first images (fingerprint f2, the job's f1)");
        assertThat(of("c2", 40, "d1", 5, "0.1.0", true, "n1", "f1").differences(JOB))
                .containsExactly("has another configuration (digest c2, the job's c1)");
    }

    @Test
    void namesTheSettingsThatDifferIfTheyAreKnown() {
        Fingerprints own = of("c2", 40, "d1", 5, "0.1.0", true, "n1", "f1")
                .withSettings(new TreeMap<>(Map.of("training.seed", "4", "training.maxSteps", "9")));
        Fingerprints job = JOB.withSettings(new TreeMap<>(Map.of("training.seed", "3")));
        assertThat(own.differences(job))
                .containsExactly(
                        "has another configuration: training.maxSteps 9 instead of unset, training.seed 4 instead of 3");
    }

    @Test
    void everyPartDecidesExceptArithmeticInModeFast() {
        assertThat(JOB.agreesWith(JOB.withSettings(new TreeMap<>(Map.of("a", "b")))))
                .isTrue();
        for (Fingerprints other : new Fingerprints[] {
            of("c2", 40, "d1", 5, "0.1.0", true, "n1", "f1"),
            of("c1", 41, "d1", 5, "0.1.0", true, "n1", "f1"),
            of("c1", 40, "d2", 5, "0.1.0", true, "n1", "f1"),
            of("c1", 40, "d1", 6, "0.1.0", true, "n1", "f1"),
            of("c1", 40, "d1", 5, "0.1.1", true, "n1", "f1"),
            of("c1", 40, "d1", 5, "0.1.0", true, "n2", "f1"),
            of("c1", 40, "d1", 5, "0.1.0", true, "n1", "f2")
        }) {
            assertThat(other.agreesWith(JOB)).as("%s", other).isFalse();
            assertThat(other.differences(JOB)).as("%s", other).isNotEmpty();
        }
        Fingerprints fast = of("c1", 40, "d1", 5, "0.1.0", false, "n1", "f1");
        Fingerprints otherProcessor = of("c1", 40, "d1", 5, "0.1.0", false, "n2", "f2");
        assertThat(otherProcessor.agreesWith(fast)).isTrue();
        assertThat(otherProcessor.differences(fast)).isEmpty();
        assertThat(otherProcessor.numericsKey()).isNotEqualTo(fast.numericsKey());
    }

    @Test
    void aReportWithoutSomePartsIsRead() throws JsonProcessingException {
        ObjectMapper json = new ObjectMapper();
        assertThat(json.readValue(json.writeValueAsString(JOB), Fingerprints.class))
                .isEqualTo(JOB);
        assertThat(json.readValue("{\"samples\": 40, \"soul\": 1}", Fingerprints.class))
                .isEqualTo(of("", 40, "", 0, "", false, "", ""));
    }

    private static Fingerprints of(
            String config,
            long samples,
            String data,
            int wire,
            String build,
            boolean bitwise,
            String numerics,
            String firstStep) {
        return new Fingerprints(config, samples, data, wire, build, bitwise, numerics, firstStep, new TreeMap<>());
    }
}
