package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.Fingerprints;
import io.swav.checkpoint.CheckpointState;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ResumeChangesTest {
    private static final Fingerprints THEN = new Fingerprints(
            "c1", 40, "d1", 5, "0.1.0+a", true, "n1", "f1", new TreeMap<>(Map.of("training.maxSteps", "100")));

    @Test
    void reportsNothingIfNothingHasChanged() {
        assertThat(ResumeChanges.since(saved(THEN), THEN)).isEmpty();
    }

    @Test
    void saysWhatHasChangedWithItsNumbers() {
        Fingerprints now = new Fingerprints(
                "c2", 64, "d2", 5, "0.1.0+b", true, "n2", "f2", new TreeMap<>(Map.of("training.maxSteps", "200")));
        assertThat(ResumeChanges.since(saved(THEN), now))
                .satisfiesExactly(
                        settings -> assertThat(settings).contains("training.maxSteps 200 instead of 100"),
                        data -> assertThat(data).contains("40 images (index digest d1) then, 64 (d2) now"),
                        bits -> assertThat(bits)
                                .contains("numerics fingerprint n1 then, n2 now", "0.1.0+a then, 0.1.0+b now")
                                .contains("bits may differ from here on"));
    }

    @Test
    void processorAndBuildDoNotMatterInModeFast() {
        Fingerprints now = new Fingerprints("c1", 40, "d1", 5, "0.1.0+b", false, "n2", "f2", THEN.settings());
        assertThat(ResumeChanges.since(saved(THEN), now)).isEmpty();
    }

    @Test
    void acceptsACheckpointThatDoesNotStateThem() {
        assertThat(ResumeChanges.since(saved(null), THEN)).isEmpty();
    }

    private static CheckpointState saved(@Nullable Fingerprints with) {
        return new CheckpointState(7, 7, 1, "cfg", 2, "job", 1, "", "", with);
    }
}
