package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.swav.api.ExitCodes;
import io.swav.api.TrainerExitException;
import io.swav.model.CropSource;
import io.swav.torch.TorchRuntime;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class InjectedFaultsTest {
    private static final CropSource CROPS = (manager, group) -> List.of(manager.ones(new Shape(2)));

    @BeforeAll
    static void start() {
        TorchRuntime.start();
    }

    private static boolean isNaN(InjectedFaults faults, long step, int rank, int group) {
        try (NDManager manager = TorchRuntime.root()) {
            float value = faults.into(CROPS, step, rank, 4)
                    .group(manager, group)
                    .get(0)
                    .getFloat(0);
            return Float.isNaN(value);
        }
    }

    @Test
    void poisonsOneGroupOfOneRanksStepOnce() {
        InjectedFaults faults = InjectedFaults.of("nan@7:2");
        assertThat(isNaN(faults, 6, 2, 4)).as("another step").isFalse();
        assertThat(isNaN(faults, 7, 1, 4)).as("another rank").isFalse();
        assertThat(isNaN(faults, 7, 2, 4)).isTrue();
        assertThat(isNaN(faults, 7, 2, 4)).as("a second time").isFalse();
        assertThat(isNaN(InjectedFaults.of("nan@7:2"), 7, 2, 5))
                .as("another group")
                .isFalse();
    }

    @Test
    void poisonsEveryTimeIfAsked() {
        InjectedFaults faults = InjectedFaults.of(" nan@3, nan@7:2:always ");
        for (int i = 0; i < 3; i++) {
            assertThat(isNaN(faults, 7, 2, 4)).isTrue();
            assertThat(isNaN(faults, 3, 0, 4)).as("rank 0, once").isEqualTo(i == 0);
        }
    }

    @Test
    void refusesWhatIsNoFault() {
        assertThat(isNaN(InjectedFaults.of(""), 0, 0, 4)).isFalse();
        for (String text :
                new String[] {"nan", "nan@", "nan@-1", "nan@1:x", "nan@1:always:2", "inf@3", "nan@1;nan@2"}) {
            assertThatThrownBy(() -> InjectedFaults.of(text))
                    .as(text)
                    .isInstanceOfSatisfying(
                            TrainerExitException.class,
                            e -> assertThat(e.exitCode()).isEqualTo(ExitCodes.CONFIG))
                    .hasMessageContaining("SWAV_INJECT has \"" + text + "\"");
        }
    }
}
