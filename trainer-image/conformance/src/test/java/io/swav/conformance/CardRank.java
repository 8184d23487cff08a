package io.swav.conformance;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.Collective.Transfer;
import io.swav.collective.CollectiveException;
import io.swav.collective.GroupRange;
import io.swav.collective.SoloCollective;
import io.swav.collective.TcpCollective;
import io.swav.collective.TreeSum;
import io.swav.collective.nccl.CollectiveFactory;
import io.swav.collective.nccl.NcclStub;
import io.swav.multiprocess.RankProcess;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;

/**
 * A process that is one of several ranks on one GPU. Arguments: rank, size, libraries (see {@link Card}), cases separated
 * by commas. After each case, each rank prints its name and result.
 */
public final class CardRank {
    private static final int WARM_SUMS = 20;
    private static final long ABORT_AFTER_MILLIS = 500;
    private static final long HANGS_MILLIS = 5000;
    private static final int WORLDS = 50;
    private static final long MAX_LEAKED_BYTES = 64L << 20;
    private static final int LARGE = Integer.getInteger("card.floats", 25_000_000);
    private static final int SMALL = 3 << 10;

    private final Card card;
    private final TcpCollective sockets;
    private final List<String> uids;
    private final CollectiveFactory factory;
    private final NDArray signal =
            NDManager.newBaseManager(Device.cpu(), "PyTorch").create(new float[1]);

    private CardRank(Card card, TcpCollective sockets) {
        this.card = card;
        this.sockets = sockets;
        this.uids = IntStream.range(0, sockets.size())
                .mapToObj(rank -> "rank-" + rank)
                .toList();
        this.factory = new CollectiveFactory(Optional.of(card.versions()));
    }

    public static void main(String[] args) throws Exception {
        int rank = Integer.parseInt(args[0]);
        Card card = Card.open(args[2], rank);
        CardRank self = new CardRank(card, (TcpCollective) RankProcess.join(rank, Integer.parseInt(args[1])));
        for (String what : args[3].split(",", -1)) {
            self.waitForAll();
            RankProcess.say(what + ": " + self.run(what));
        }
        Runtime.getRuntime().halt(0); // does not wait for other ranks, which may still be running
    }

    private String run(String what) throws InterruptedException, IOException {
        return switch (what) {
            case "contract" -> contract();
            case "killed" -> loseLastRank(true, true);
            case "hung" -> loseLastRank(false, true);
            case "ahead" -> loseLastRank(true, false);
            case "shrink" -> shrink();
            case "worlds" -> worlds();
            case "bench" -> bench();
            default -> throw new IllegalArgumentException(what);
        };
    }

    /** Returns the collective of ranks 0 to {@code size} − 1. */
    private Collective world(int size) {
        Collective members = sockets.subgroup(IntStream.range(0, size).toArray());
        return factory.over(members, uids.subList(0, size), () -> false);
    }

    private void waitForAll() {
        sockets.allReduceMin(signal);
    }

    private String contract() {
        int size = sockets.size();
        try (Collective world = world(size);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            check(world.name().startsWith("NCCL"), "the backend is " + world.name());
            for (int length : new int[] {1, 3, 1000, 2_000_001}) {
                float[] expected = new float[length];
                float[] smallest = values(length, 0);
                for (int rank = 0; rank < size; rank++) {
                    float[] its = values(length, rank);
                    for (int i = 0; i < length; i++) {
                        expected[i] += its[i];
                        smallest[i] = Math.min(smallest[i], its[i]);
                    }
                }
                NDArray sum = card.array(manager, values(length, world.rank()));
                world.allReduceSum(sum);
                world.synchronize();
                check(Arrays.equals(sum.toFloatArray(), expected), "sum of " + length);
                NDArray least = card.array(manager, values(length, world.rank()));
                world.allReduceMin(least);
                world.synchronize();
                check(Arrays.equals(least.toFloatArray(), smallest), "minimum of " + length);
                NDArray root = card.array(manager, values(length, world.rank()));
                world.broadcast(root, size - 1);
                world.synchronize();
                check(Arrays.equals(root.toFloatArray(), values(length, size - 1)), "broadcast of " + length);
                NDArray all = card.zeros(manager, (long) length * size);
                world.allGather(card.array(manager, values(length, world.rank())), all);
                world.synchronize();
                float[] last = Arrays.copyOfRange(all.toFloatArray(), length * (size - 1), length * size);
                check(Arrays.equals(last, values(length, size - 1)), "gather of " + length);
            }
            exchange(world, manager);
            subgroup(world, manager);
            treeSum(world, manager);
        }
        return "sums, minima, broadcasts, gathers, exchanges, subgroups and tree sums are right; " + card.versions();
    }

    private void exchange(Collective world, NDManager manager) {
        List<Transfer> sends = new ArrayList<>();
        List<Transfer> receives = new ArrayList<>();
        int length = 1 << 20;
        for (int peer = 0; peer < world.size(); peer++) {
            if (peer != world.rank()) {
                sends.add(new Transfer(peer, card.array(manager, values(length, world.rank()))));
                receives.add(new Transfer(peer, card.zeros(manager, length)));
            }
        }
        world.exchange(sends, receives);
        world.synchronize();
        for (Transfer got : receives) {
            check(Arrays.equals(got.array().toFloatArray(), values(length, got.peer())), "from " + got.peer());
        }
    }

    private void subgroup(Collective world, NDManager manager) {
        int[] mine = IntStream.range(0, world.size())
                .filter(rank -> rank % 2 == world.rank() % 2)
                .toArray();
        NDArray one = card.array(manager, 1);
        world.subgroup(mine).allReduceSum(one);
        world.synchronize();
        check(mine.length == 1 || one.toFloatArray()[0] == mine.length, "subgroup of " + mine.length);
    }

    /** Compares the bits of a tree sum with those of one rank that adds alone. */
    private void treeSum(Collective world, NDManager manager) {
        int groups = 7;
        int length = 300_001;
        GroupRange[] ranges = IntStream.range(0, world.size())
                .mapToObj(rank -> GroupRange.of(groups, rank, world.size()))
                .toArray(GroupRange[]::new);
        GroupRange[] alone = {GroupRange.of(groups, 0, 1)};
        float[] sum = tree(ranges[world.rank()], groups, length, manager)
                .reduce(world.duplicate(), ranges) // the duplicate: if the CPU adds, it must not run ahead of the GPU
                .toFloatArray();
        float[] expected = tree(alone[0], groups, length, manager)
                .reduce(new SoloCollective(), alone)
                .toFloatArray();
        check(Arrays.mismatch(sum, expected) < 0, "bits of the tree sum");
    }

    private TreeSum.Accumulator tree(GroupRange range, int groups, int length, NDManager manager) {
        TreeSum.Accumulator local = new TreeSum.Accumulator(groups, range);
        for (int group = range.from(); group < range.to(); group++) {
            local.add(group, card.array(manager, values(length, group)));
        }
        return local;
    }

    /**
     * Kills the last rank, or makes it hang; rank 0 then reports how long it took until its operation failed.
     *
     * @param synchronizes whether the host waits for every sum, or issues them as fast as the GPU accepts them
     */
    private String loseLastRank(boolean killed, boolean synchronizes) {
        int last = sockets.size() - 1;
        AtomicLong since = new AtomicLong(Long.MAX_VALUE);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            long victim = pidOf(last);
            Collective world = world(sockets.size());
            NDArray values = card.zeros(manager, 100_000);
            for (int sum = 0; sum >= 0; sum++) {
                if (sum == WARM_SUMS && killed && sockets.rank() == 0) {
                    killSoon(victim, since);
                } else if (sum == WARM_SUMS && !killed && sockets.rank() == last) {
                    pause(HANGS_MILLIS);
                    Runtime.getRuntime().halt(0);
                } else if (sum == WARM_SUMS && !killed) {
                    abortSoon(world, since);
                }
                world.allReduceSum(values);
                if (synchronizes) {
                    world.synchronize();
                }
            }
        } catch (CollectiveException e) {
            check(!killed || e.lostRank().isPresent(), "the failure names no lost rank: " + e.getMessage());
            if (since.get() == Long.MAX_VALUE) {
                return "free";
            }
            long millis = (System.nanoTime() - since.get()) / 1_000_000;
            check(millis < Long.getLong("card.millis", 1000), "free after " + millis + " ms");
            return "free after " + millis + " ms: " + e.getMessage();
        }
        throw new IllegalStateException("the sums did not end");
    }

    private long pidOf(int rank) {
        try (NDManager host = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray pid = host.create(new long[] {ProcessHandle.current().pid()});
            sockets.broadcast(pid, rank);
            return pid.getLong(0);
        }
    }

    private static void killSoon(long pid, AtomicLong since) {
        ProcessHandle victim = ProcessHandle.of(pid).orElseThrow();
        Thread killer = new Thread(() -> {
            pause(ABORT_AFTER_MILLIS);
            since.set(System.nanoTime());
            victim.destroyForcibly();
        });
        killer.setDaemon(true);
        killer.start();
    }

    private static void abortSoon(Collective world, AtomicLong since) {
        Thread watchdog = new Thread(() -> {
            pause(ABORT_AFTER_MILLIS);
            since.set(System.nanoTime());
            world.abort();
        });
        watchdog.setDaemon(true);
        watchdog.start();
    }

    /** Forms one world after another, each with one rank less; if NCCL can, it shrinks the previous communicator. */
    private String shrink() {
        for (int size = sockets.size(); size > 1; size--) {
            if (sockets.rank() < size) {
                sum(size);
            }
            waitForAll();
        }
        factory.close();
        return "every sum is right; this NCCL version " + (card.versions().shrinks() ? "shrinks" : "does not shrink");
    }

    private void sum(int size) {
        try (Collective world = world(size);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray one = card.array(manager, 1 << world.rank());
            world.allReduceSum(one);
            world.synchronize();
            check(one.toFloatArray()[0] == (1 << size) - 1, "sum among " + size);
        }
    }

    private String worlds() throws InterruptedException, IOException {
        long before = 0;
        for (int world = 0; world < WORLDS; world++) {
            if (world == 5) { // NCCL has made its one-time allocations by now
                before = card.free();
            }
            int size = sockets.size() - (world % 3 == 2 && sockets.size() > 2 ? 1 : 0);
            if (sockets.rank() < size) {
                sum(size);
            }
            waitForAll();
        }
        factory.close();
        waitForAll();
        pause(1000);
        for (int tenth = 0; tenth < 200 && !NcclStub.threads().isEmpty(); tenth++) {
            pause(100); // threads may take longer to end on a busy machine
        }
        check(NcclStub.threads().isEmpty(), "leaked threads " + NcclStub.threads());
        long leaked = before - card.free();
        check(leaked < MAX_LEAKED_BYTES, "leaked bytes of the GPU: " + leaked);
        return WORLDS + " worlds leaked no thread" + (before > 0 ? ", and " + (leaked >> 20) + " MB of the GPU" : "");
    }

    private String bench() {
        try (Collective world = world(sockets.size());
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray large = card.zeros(manager, LARGE);
            long[] nanos = timed(world, large, 10);
            double perSecond =
                    LARGE * (double) Float.BYTES / Arrays.stream(nanos).min().orElseThrow() * 1e9;
            long[] small = timed(world, card.zeros(manager, SMALL), 500);
            Arrays.sort(small);
            return String.format(
                    Locale.ROOT,
                    "%d MB: %.2f GB/s, 12 KB: p50 %.0f us, p99 %.0f us",
                    LARGE / 250_000,
                    perSecond / 1e9,
                    small[small.length / 2] / 1e3,
                    small[small.length * 99 / 100] / 1e3);
        }
    }

    private static long[] timed(Collective world, NDArray values, int times) {
        long[] nanos = new long[times];
        for (int i = -2; i < times; i++) { // two warm up
            long start = System.nanoTime();
            world.allReduceSum(values);
            world.synchronize();
            if (i >= 0) {
                nanos[i] = System.nanoTime() - start;
            }
        }
        return nanos;
    }

    /** Returns small whole numbers, whose sums are exact in any order. */
    private static float[] values(int length, int seed) {
        float[] values = new float[length];
        for (int i = 0; i < length; i++) {
            values[i] = (i * 31 + seed * 17) % 101 - 50;
        }
        return values;
    }

    private static void check(boolean right, String what) {
        if (!right) {
            System.err.println("wrong: " + what);
            Runtime.getRuntime().halt(1);
        }
    }

    private static void pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
