package io.swav.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.swav.collective.Collective.Transfer;
import io.swav.collective.nccl.NcclStub;
import io.swav.torch.AsOnDevice;
import io.swav.torch.TorchRuntime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Checks what every implementation of {@link Collective} promises. */
class CollectiveContractTest {
    /** A single element, an odd number, the direct path, and several slices of chunks. */
    private static final int[] LENGTHS = {1, 3, 1000, 2_000_001};

    private enum Transport {
        Solo,
        Tcp,
        /** Sockets, with arrays on devices. */
        TcpOfDevices,
        Nccl
    }

    private static Optional<AsOnDevice> device = Optional.empty();

    @AfterEach
    void returnArraysToHostMemory() {
        device.ifPresent(AsOnDevice::close);
        device = Optional.empty();
    }

    private record World(Transport transport, int size) {
        List<? extends Collective> connect() throws Exception {
            return switch (transport) {
                case Solo -> List.of(new SoloCollective());
                case Tcp -> Ranked.connect(size);
                case TcpOfDevices -> {
                    device = Optional.of(AsOnDevice.begin());
                    yield Ranked.connect(size);
                }
                case Nccl -> NcclStub.connect(size);
            };
        }
    }

    private static List<World> worlds() {
        List<World> worlds = new ArrayList<>(worldsOfSeveral());
        worlds.add(new World(Transport.Solo, 1));
        return worlds;
    }

    private static List<World> worldsOfSeveral() {
        return Stream.concat(
                        Stream.of(Transport.Tcp, Transport.Nccl)
                                .flatMap(transport -> Stream.of(2, 3, 5).map(size -> new World(transport, size))),
                        Stream.of(new World(Transport.TcpOfDevices, 3)))
                .toList();
    }

    @BeforeAll
    static void libtorch() {
        TorchRuntime.start();
    }

    @ParameterizedTest
    @MethodSource("worlds")
    void everyRankGetsTheSameBitsOfASum(World world) throws Exception {
        int size = world.size();
        for (int length : LENGTHS) {
            List<float[]> sums = Ranked.run(world.connect(), (collective, manager) -> {
                NDArray mine = manager.create(values(length, collective.rank()));
                collective.allReduceSum(mine);
                return mine.toFloatArray();
            });
            assertThat(sums).map(Arrays::hashCode).containsOnly(Arrays.hashCode(sums.get(0)));
            for (int at : new int[] {0, length / 2, length - 1}) {
                double expected = 0;
                for (int rank = 0; rank < size; rank++) {
                    expected += values(length, rank)[at];
                }
                assertThat((double) sums.get(0)[at]).isCloseTo(expected, within(1e-5));
            }
        }
    }

    /** The tolerance allows for bfloat16's 8 significant bits; the implementation chooses where it rounds. */
    @ParameterizedTest
    @MethodSource("worlds")
    void roundedSumsAreCloseAndTheSameOnEveryRank(World world) throws Exception {
        int size = world.size();
        for (int length : LENGTHS) {
            List<float[]> sums = Ranked.run(world.connect(), (collective, manager) -> {
                NDArray mine = manager.create(values(length, collective.rank()));
                collective.allReduceRoundedSum(mine);
                return mine.toFloatArray();
            });
            assertThat(sums).map(Arrays::hashCode).containsOnly(Arrays.hashCode(sums.get(0)));
            float[] expected = new float[length];
            float[] magnitude = new float[length];
            for (int rank = 0; rank < size; rank++) {
                float[] its = values(length, rank);
                for (int i = 0; i < length; i++) {
                    expected[i] += its[i];
                    magnitude[i] += Math.abs(its[i]);
                }
            }
            for (int i = 0; i < length; i++) {
                double error = Math.abs(sums.get(0)[i] - expected[i]);
                if (error > size * magnitude[i] / 256) {
                    throw new AssertionError("element " + i + " of " + length + " is off by " + error);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("worldsOfSeveral")
    void roundedSumsTakeHalfTheBytes(World world) throws Exception {
        long exact = sent(world, Collective::allReduceSum);
        long rounded = sent(world, Collective::allReduceRoundedSum);
        assertThat(rounded).isEqualTo(exact / 2).isPositive();
    }

    /** Bytes that all ranks send for a sum that divides evenly. */
    private static long sent(World world, BiConsumer<Collective, NDArray> sum) throws Exception {
        long before = world.transport() == Transport.Nccl ? NcclStub.sentBytes() : 0;
        long overSockets = Ranked.run(world.connect(), (collective, manager) -> {
                    sum.accept(collective, manager.ones(new Shape(600_000)));
                    return collective instanceof TcpCollective tcp ? tcp.sentBytes() : 0;
                })
                .stream()
                .mapToLong(Number::longValue)
                .sum();
        return world.transport() == Transport.Nccl ? NcclStub.sentBytes() - before : overSockets;
    }

    @ParameterizedTest
    @MethodSource("worlds")
    void takesMinimaOfEveryType(World world) throws Exception {
        int size = world.size();
        List<Boolean> right = Ranked.run(world.connect(), (collective, manager) -> {
            NDArray floats = manager.create(values(1000, collective.rank()));
            NDArray doubles = manager.create(new double[] {collective.rank(), -collective.rank()});
            NDArray longs = manager.create(new long[] {(1L << 60) + collective.rank(), -collective.rank()});
            collective.allReduceMin(floats);
            collective.allReduceMin(doubles);
            collective.allReduceMin(longs);
            float[] expected = values(1000, 0);
            for (int rank = 1; rank < size; rank++) {
                float[] other = values(1000, rank);
                for (int i = 0; i < expected.length; i++) {
                    expected[i] = Math.min(expected[i], other[i]);
                }
            }
            return Arrays.equals(floats.toFloatArray(), expected)
                    && Arrays.equals(doubles.toDoubleArray(), new double[] {0, 1.0 - size})
                    && Arrays.equals(longs.toLongArray(), new long[] {1L << 60, 1L - size});
        });
        assertThat(right).containsOnly(true);
    }

    @ParameterizedTest
    @MethodSource("worlds")
    void broadcastsFromAnyRoot(World world) throws Exception {
        int size = world.size();
        for (int length : LENGTHS) {
            for (int root = 0; root < size; root++) {
                int from = root;
                List<Boolean> right = Ranked.run(world.connect(), (collective, manager) -> {
                    NDArray array = manager.create(values(length, collective.rank()));
                    collective.broadcast(array, from);
                    return Arrays.equals(array.toFloatArray(), values(length, from));
                });
                assertThat(right).containsOnly(true);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("worlds")
    void gathersInRankOrder(World world) throws Exception {
        int size = world.size();
        List<long[]> gathered = Ranked.run(world.connect(), (collective, manager) -> {
            NDArray all = manager.zeros(new Shape(size, 2), DataType.INT64);
            collective.allGather(manager.create(new long[] {collective.rank(), 10L * collective.rank()}), all);
            return all.toLongArray();
        });
        long[] expected = IntStream.range(0, size)
                .mapToLong(rank -> rank)
                .flatMap(rank -> java.util.stream.LongStream.of(rank, 10 * rank))
                .toArray();
        assertThat(gathered).allMatch(all -> Arrays.equals(all, expected));
    }

    /** Every rank first sends more than the sockets can buffer, to every other: no rank may block. */
    @ParameterizedTest
    @MethodSource("worlds")
    void exchangesWithoutDeadlockAndInOrder(World world) throws Exception {
        int size = world.size();
        int length = 1 << 20;
        List<Boolean> right = Ranked.run(world.connect(), (collective, manager) -> {
            List<Transfer> sends = new ArrayList<>();
            List<Transfer> receives = new ArrayList<>();
            for (int peer = 0; peer < size; peer++) {
                for (int nth = 0; peer != collective.rank() && nth < 2; nth++) {
                    sends.add(new Transfer(peer, manager.create(values(length + nth, 10 * collective.rank() + nth))));
                    receives.add(new Transfer(peer, manager.zeros(new Shape(length + nth))));
                }
            }
            collective.exchange(sends, receives);
            boolean all = true;
            for (int i = 0; i < receives.size(); i++) {
                Transfer got = receives.get(i);
                all &= Arrays.equals(got.array().toFloatArray(), values(length + i % 2, 10 * got.peer() + i % 2));
            }
            return all;
        });
        assertThat(right).containsOnly(true);
    }

    @ParameterizedTest
    @MethodSource("worldsOfSeveral")
    void subgroupsSumAmongThemselves(World world) throws Exception {
        int size = world.size();
        List<Float> sums = Ranked.run(world.connect(), (collective, manager) -> {
            int[] mine = IntStream.range(0, size)
                    .filter(rank -> rank % 2 == collective.rank() % 2)
                    .toArray();
            NDArray one = manager.create(new float[] {1 << collective.rank()});
            collective.subgroup(mine).allReduceSum(one);
            collective.allReduceSum(manager.create(new float[] {1}));
            return one.getFloat(0);
        });
        for (int rank = 0; rank < size; rank++) {
            int parity = rank % 2;
            int expected = IntStream.range(0, size)
                    .filter(other -> other % 2 == parity)
                    .map(other -> 1 << other)
                    .sum();
            assertThat(sums.get(rank)).isEqualTo(expected);
        }
    }

    /** Two threads of every rank run at once, each in its own order: on one connection their messages would mix. */
    @ParameterizedTest
    @MethodSource("worlds")
    void aDuplicateServesASecondThread(World world) throws Exception {
        List<Boolean> right = Ranked.run(world.connect(), (collective, manager) -> {
            Collective duplicate = collective.duplicate();
            assertThat(collective.duplicate().size()).isEqualTo(world.size());
            NDArray there = manager.ones(new Shape(300_000));
            CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
                for (int i = 0; i < 5; i++) {
                    duplicate.allReduceSum(there);
                }
            });
            NDArray here = manager.ones(new Shape(1000));
            for (int i = 0; i < 5; i++) {
                collective.allReduceSum(here);
            }
            collective.await(other);
            float expected = (float) Math.pow(world.size(), 5);
            return here.getFloat(0) == expected && there.getFloat(299_999) == expected;
        });
        assertThat(right).containsOnly(true);
    }

    @ParameterizedTest
    @MethodSource("worldsOfSeveral")
    void abortReachesTheThreadOfTheDuplicate(World world) throws Exception {
        // A rank has its duplicate before its peers have theirs; an abort in between ends their call of duplicate().
        CountDownLatch duplicated = new CountDownLatch(world.size());
        List<String> ends = Ranked.run(world.connect(), (collective, manager) -> {
            Collective duplicate = collective.duplicate();
            duplicated.countDown();
            CompletableFuture<String> other = CompletableFuture.supplyAsync(() -> failure(duplicate, manager));
            if (collective.rank() == 0) {
                duplicated.await();
                collective.abort();
            }
            return other.join();
        });
        assertThat(ends).hasSize(world.size());
    }

    @ParameterizedTest
    @MethodSource("worldsOfSeveral")
    void abortFreesEveryBlockedRank(World world) throws Exception {
        int size = world.size();
        CountDownLatch blocked = new CountDownLatch(size - 1);
        List<String> ends = Ranked.run(world.connect(), (collective, manager) -> {
            if (collective.rank() == 0) {
                blocked.await();
                collective.abort();
                collective.abort();
            } else {
                blocked.countDown();
            }
            return failure(collective, manager);
        });
        assertThat(ends).allMatch(message -> message.contains("abort") || message.contains("rank"));
    }

    @ParameterizedTest
    @MethodSource("worldsOfSeveral")
    void abortFreesItsOwnBlockedThread(World world) throws Exception {
        int size = world.size();
        List<String> ends = Ranked.run(world.connect(), (collective, manager) -> {
            Thread aborter = new Thread(() -> {
                // meanwhile the main thread of this rank waits in an operation that never ends
                collective.abort();
            });
            if (collective.rank() == 0) {
                aborter.start();
            }
            String message = failure(collective, manager);
            aborter.join();
            return message;
        });
        assertThat(ends).hasSize(size);
    }

    @ParameterizedTest
    @MethodSource("worlds")
    void refusesWrongArguments(World world) throws Exception {
        int size = world.size();
        Ranked.run(world.connect(), (collective, manager) -> {
            NDArray one = manager.create(new float[] {1});
            assertThatThrownBy(() -> collective.broadcast(one, size)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> collective.subgroup(new int[] {size}))
                    .isInstanceOf(IllegalArgumentException.class);
            return true;
        });
    }

    private static String failure(Collective collective, NDManager manager) {
        try {
            while (true) {
                collective.allReduceSum(manager.ones(new Shape(100_000)));
                if (collective.rank() == 0) {
                    Thread.onSpinWait();
                }
            }
        } catch (CollectiveException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private static org.assertj.core.data.Offset<Double> within(double value) {
        return org.assertj.core.data.Offset.offset(value);
    }

    private static float[] values(int length, int seed) {
        Random random = new Random(seed);
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = random.nextFloat() - .5f;
        }
        return values;
    }
}
