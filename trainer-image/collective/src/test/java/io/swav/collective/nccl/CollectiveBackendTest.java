package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.nccl.CollectiveBackend.Availability;
import io.swav.collective.nccl.CollectiveBackend.Preference;
import io.swav.collective.nccl.NcclLibrary.Versions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CollectiveBackendTest {
    private static final Optional<Versions> ONE_GPU = Optional.of(new Versions(1, 12090, 12080, 22703));
    private static final Availability WITH_GPU = new Availability(List.of(), null, ONE_GPU, true);
    private static final List<Availability> WITHOUT_NCCL = List.of(
            new Availability(List.of("libcuda.so.1", "libnccl.so.2"), null, Optional.empty(), false),
            new Availability(List.of(), "undefined symbol: x", Optional.empty(), true),
            new Availability(List.of(), null, Optional.of(new Versions(0, 12090, 12080, 22703)), false));

    @ParameterizedTest
    @EnumSource(
            value = Preference.class,
            names = {"Auto", "Nccl"})
    void usesNcclOnAGpu(Preference wanted) {
        CollectiveBackend backend = CollectiveBackend.of(wanted, WITH_GPU);
        assertThat(backend.nccl()).isEqualTo(ONE_GPU);
        assertThat(backend.why()).startsWith("NCCL 2.27.3, CUDA 12.8 (driver up to 12.9), 1 GPU");
    }

    @Test
    void usesTcpAndNamesWhatIsMissing() {
        assertThat(WITHOUT_NCCL)
                .map(machine -> CollectiveBackend.of(Preference.Auto, machine))
                .allMatch(backend -> backend.nccl().isEmpty())
                .map(CollectiveBackend::why)
                .containsExactly(
                        "TCP: this machine does not have libcuda.so.1, libnccl.so.2",
                        "TCP: its libraries cannot be loaded: undefined symbol: x",
                        "TCP: this process sees no GPU");
    }

    @Test
    void failsWithWhatIsMissingWhenNcclIsRequested() {
        for (Availability machine : WITHOUT_NCCL) {
            assertThatThrownBy(() -> CollectiveBackend.of(Preference.Nccl, machine))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("NCCL is requested, but ");
        }
    }

    /** With a libtorch on the CPU, arrays are in host memory and use sockets in any case. */
    @Test
    void usesNcclWithALibtorchOnTheCpuOnlyWhenRequested() {
        Availability machine = new Availability(List.of(), null, ONE_GPU, false);
        assertThat(CollectiveBackend.of(Preference.Auto, machine))
                .isEqualTo(new CollectiveBackend(Optional.empty(), "TCP: this libtorch computes on the CPU"));
        assertThat(CollectiveBackend.of(Preference.Nccl, machine).nccl()).isEqualTo(ONE_GPU);
    }

    @Test
    void tcpLoadsNothing() {
        assertThat(CollectiveBackend.make(Preference.Tcp, Map.of()))
                .isEqualTo(new CollectiveBackend(Optional.empty(), "TCP: requested"));
    }
}
