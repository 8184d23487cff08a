package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;

import io.swav.api.SpecLoader;
import io.swav.api.SwavJobSpec;
import org.junit.jupiter.api.Test;

class AcceptedSpecTest {
    private final SwavJobSpec spec =
            Jobs.job("replicas: 2, training: {epochs: 77}").getSpec();
    private final String stored = AcceptedSpec.of(spec, 3).stored();

    @Test
    void readsBackWhatWasStored() {
        AcceptedSpec read = AcceptedSpec.read(stored).orElseThrow();
        assertThat(read.generation()).isEqualTo(3);
        assertThat(read.stored()).isEqualTo(stored);
        assertThat(SpecLoader.config(read.read().orElseThrow())).isEqualTo(SpecLoader.config(spec));
    }

    /** Trainers of earlier versions refuse fields that they do not know, so their configuration lacks what is the operator's. */
    @Test
    void keepsWhatOnlyTheOperatorReads() {
        SwavJobSpec own = Jobs.job("replicas: 2, activeDeadlineSeconds: 60, scheduling: {zone: Any}")
                .getSpec();
        String kept = AcceptedSpec.of(own, 3).stored();
        String config = SpecLoader.config(own);
        assertThat(config).doesNotContain("activeDeadlineSeconds", "scheduling");
        SwavJobSpec read = AcceptedSpec.read(kept).flatMap(AcceptedSpec::read).orElseThrow();
        assertThat(read.activeDeadlineSeconds()).isEqualTo(60);
        assertThat(read.scheduling()).isEqualTo(own.scheduling());

        SwavJobSpec other = Jobs.job("replicas: 2, activeDeadlineSeconds: 61").getSpec();
        String elsewhere = kept.replace("\"replicas\":2", "\"replicas\":3");
        assertThat(AcceptedSpec.restore(elsewhere, config, other)).contains(AcceptedSpec.of(own, 3));
        String inOwn = kept.replace("Seconds\":60", "Seconds\":61");
        assertThat(AcceptedSpec.read(inOwn)).isEmpty();
        assertThat(AcceptedSpec.restore(inOwn, config, own)).contains(AcceptedSpec.of(own, 3));
        assertThat(AcceptedSpec.restore(inOwn, config, other))
                .as("no copy has what was accepted")
                .isEmpty();
    }

    @Test
    void noticesAnyEditAndRestoresItFromTheTrainersConfiguration() {
        String config = SpecLoader.config(spec);
        for (int i = 0; i < stored.length(); i++) {
            for (String edited : new String[] {
                stored.substring(0, i) + stored.substring(i + 1),
                stored.substring(0, i) + (stored.charAt(i) == '7' ? '8' : '7') + stored.substring(i + 1)
            }) {
                boolean isSame = AcceptedSpec.read(edited)
                        .map(read -> read.spec().equals(AcceptedSpec.of(spec, 3).spec()))
                        .orElse(true);
                assertThat(isSame).as(edited).isTrue();
            }
        }
        String edited = stored.replace("\"epochs\":77", "\"epochs\":770");
        assertThat(AcceptedSpec.read(edited)).isEmpty();
        assertThat(AcceptedSpec.restore(edited, config, spec)).contains(AcceptedSpec.of(spec, 3));
        assertThat(AcceptedSpec.restore(edited, config.replace(" 77", " 770"), spec))
                .isEmpty();
        assertThat(AcceptedSpec.restore(edited, "no JSON", spec)).isEmpty();
        assertThat(AcceptedSpec.restore("no JSON", config, spec)).isEmpty();
        assertThat(AcceptedSpec.read("{}")).isEmpty();
    }
}
