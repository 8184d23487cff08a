package io.swav.collective.nccl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.collective.nccl.CollectiveBackend.Machine;
import io.swav.collective.nccl.CollectiveBackend.Wanted;
import io.swav.collective.nccl.NcclLibrary.Versions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class CollectiveBackendTest {
    private static final Optional<Versions> ONE_GPU = Optional.of(new Versions(1, 12090, 12080, 22703));
    private static final Machine WITH_GPU = new Machine(List.of(), null, ONE_GPU, true);
    private static final List<Machine> WITHOUT_NCCL = List.of(
            new Machine(List.of("libcuda.so.1", "libnccl.so.2"), null, Optional.empty(), false),
            new Machine(List.of(), "undefined symbol: x", Optional.empty(), true),
            new Machine(List.of(), null, Optional.of(new Versions(0, 12090, 12080, 22703)), false));

    @ParameterizedTest
    @EnumSource(
            value = Wanted.class,
            names = {"Auto", "Nccl"})
    void takesNcclWhereThereIsAGpu(Wanted wanted) {
        CollectiveBackend choice = CollectiveBackend.of(wanted, WITH_GPU);
        assertThat(choice.nccl()).isEqualTo(ONE_GPU);
        assertThat(choice.why()).startsWith("NCCL 2.27.3, CUDA 12.8 (driver up to 12.9), 1 GPU");
    }

    @Test
    void takesTcpWhereSomethingIsMissingAndSaysWhat() {
        assertThat(WITHOUT_NCCL)
                .map(machine -> CollectiveBackend.of(Wanted.Auto, machine))
                .allMatch(choice -> choice.nccl().isEmpty())
                .map(CollectiveBackend::why)
                .containsExactly(
                        "TCP: this machine has no libcuda.so.1, libnccl.so.2",
                        "TCP: its libraries cannot be loaded: undefined symbol: x",
                        "TCP: this process sees no GPU");
    }

    @Test
    void whoeverAsksForNcclIsToldWhatIsMissing() {
        for (Machine machine : WITHOUT_NCCL) {
            assertThatThrownBy(() -> CollectiveBackend.of(Wanted.Nccl, machine))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("NCCL is asked for, but ");
        }
    }

    /** Arrays in host memory go over sockets in any case. */
    @Test
    void aLibtorchOnTheCpuTakesNcclOnlyWhenAskedTo() {
        Machine machine = new Machine(List.of(), null, ONE_GPU, false);
        assertThat(CollectiveBackend.of(Wanted.Auto, machine))
                .isEqualTo(new CollectiveBackend(Optional.empty(), "TCP: this libtorch computes on the CPU"));
        assertThat(CollectiveBackend.of(Wanted.Nccl, machine).nccl()).isEqualTo(ONE_GPU);
    }

    @Test
    void tcpLoadsNothing() {
        assertThat(CollectiveBackend.make(Wanted.Tcp, Map.of()))
                .isEqualTo(new CollectiveBackend(Optional.empty(), "TCP: asked for"));
    }
}
