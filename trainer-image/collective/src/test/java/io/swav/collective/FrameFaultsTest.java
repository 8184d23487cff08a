package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.FrameProxy.Fault;
import io.swav.collective.FrameProxy.Injection;
import io.swav.torch.TorchRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** One frame between two ranks is damaged: it is noticed, nothing of it is accepted, and the world forms again. */
@Timeout(300)
class FrameFaultsTest {
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final int SEEDS = Integer.getInteger("swav.fuzz.faults", 2);
    private static final int[] LENGTHS = {1, 1000, 100_000, 300_000};

    record Case(FrameProtection protection, Fault fault, boolean toListener, int line, int seed) {}

    private static Stream<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (FrameProtection protection : FrameProtection.values()) {
            for (Fault fault : Fault.values()) {
                for (int seed = 0; seed < SEEDS; seed++) {
                    cases.add(new Case(protection, fault, true, seed % 2, seed));
                    cases.add(new Case(protection, fault, false, seed % 2, seed));
                }
            }
        }
        return cases.stream();
    }

    @BeforeAll
    static void libtorch() {
        TorchRuntime.start();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void aDamagedFrameEndsTheWorldAndIsNeverAccepted(Case now) throws Exception {
        Random random = new Random(now.hashCode() + 31L * now.seed());
        Injection injection = new Injection(now.fault(), now.line(), now.toListener(), random.nextInt(30), random);
        try (PeerListener a = Ranked.listener("a", now.protection());
                PeerListener b = Ranked.listener("b", now.protection());
                FrameProxy proxy = new FrameProxy(a.port(), now.protection(), injection)) {
            List<TcpMesh.Peer> peers = List.of(new TcpMesh.Peer("a", proxy.address()), Ranked.peer(b));

            List<Optional<CollectiveException>> ends = train(List.of(a, b), peers, 1, now, 300);

            assertThat(proxy.isDone()).isTrue();
            CollectiveException noticed = ends.get(now.toListener() ? 0 : 1).orElseThrow();
            assertThat(noticed.lostRank()).hasValue(now.toListener() ? 1 : 0);
            assertThat(noticed)
                    .hasMessageContaining("rank " + noticed.lostRank().getAsInt() + " sent ");
            assertThat(noticed.getMessage()).containsAnyOf("damaged", "was expected: ");
            assertThat(ends.get(now.toListener() ? 1 : 0)).isPresent();

            assertThat(train(List.of(a, b), peers, 2, now, 20)).containsOnly(Optional.empty());
        }
    }

    /** Forms a world, and sums known numbers until that fails; every sum that completes must be right. */
    private static List<Optional<CollectiveException>> train(
            List<PeerListener> listeners, List<TcpMesh.Peer> peers, long generation, Case now, int operations) {
        List<CompletableFuture<Optional<CollectiveException>>> ranks = Stream.of(0, 1)
                .map(rank -> CompletableFuture.supplyAsync(() -> {
                    try (Collective world =
                                    TcpMesh.connect(listeners.get(rank), rank, peers, generation, LONG, () -> false);
                            NDManager manager = NDManager.newBaseManager("PyTorch")) {
                        return sums(now.line() == 0 ? world : world.duplicate(), manager, operations);
                    }
                }))
                .toList();
        return ranks.stream().map(CompletableFuture::join).toList();
    }

    private static Optional<CollectiveException> sums(Collective line, NDManager manager, int operations) {
        for (int operation = 0; operation < operations; operation++) {
            int length = LENGTHS[operation % LENGTHS.length];
            try (NDArray array =
                    manager.full(new Shape(length), operation + 1000 * (line.rank() + 1), DataType.FLOAT32)) {
                line.allReduceSum(array);
                assertThat(array.min().getFloat()).isEqualTo(2 * operation + 3000);
                assertThat(array.max().getFloat()).isEqualTo(2 * operation + 3000);
            } catch (CollectiveException lost) {
                return Optional.of(lost);
            }
        }
        return Optional.empty();
    }
}
