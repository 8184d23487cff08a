package io.swav.benchmark;

import ai.djl.ndarray.NDManager;
import io.swav.collective.Collective;
import io.swav.collective.CommunicationThread;
import io.swav.collective.GroupRange;
import io.swav.model.Architecture;
import io.swav.model.CommunicationTimes;
import io.swav.model.Larc;
import io.swav.model.Learner;
import io.swav.model.QueueSettings;
import io.swav.model.RandomCrops;
import io.swav.model.Sinkhorn;
import io.swav.model.StepPhase;
import io.swav.model.StepSettings;
import io.swav.multiprocess.RankProcess;
import io.swav.torch.Precision;
import io.swav.torch.TorchRuntime;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** One rank of {@code bench overlap}: resnet18 on noise, with one group of 64 on each rank. */
final class OverlapRank {
    private static final int GROUP = 64;
    private static final List<StepSettings.Crops> CROPS =
            List.of(new StepSettings.Crops(2, 32), new StepSettings.Crops(4, 20));

    private OverlapRank() {}

    /**
     * Arguments: rank, size, steps, bytes of a bucket, precision in which gradients travel. Prints a line for every
     * step, after one to warm up, alternately with and without overlap: {@code overlap step communication exposed
     * communicationCpu exposedCpu}, in nanoseconds, then when backward ended, and the beginning and end of every sum.
     */
    public static void main(String[] args) throws IOException {
        int size = Integer.parseInt(args[1]);
        int steps = Integer.parseInt(args[2]);
        TorchRuntime.start();
        TorchRuntime.setThreads(1);
        GroupRange[] runs = IntStream.range(0, size)
                .mapToObj(rank -> new GroupRange(rank, rank + 1))
                .toArray(GroupRange[]::new);
        try (Collective world = RankProcess.join(Integer.parseInt(args[0]), size);
                NDManager manager = TorchRuntime.root();
                Learner with = learner(size, Long.parseLong(args[3]), Precision.valueOf(args[4]), manager);
                Learner without = learner(size, 0, Precision.valueOf(args[4]), manager)) {
            SumsCpu cpu = new SumsCpu();
            with.watch(cpu);
            without.watch(cpu);
            for (int step = -1; step < steps; step++) {
                for (Learner learner : List.of(with, without)) {
                    long start = System.nanoTime();
                    learner.lossAndGradients(
                            (scope, group) -> RandomCrops.of(scope, CROPS, GROUP, group), runs, world, step + 1L, 1);
                    learner.averageGradients();
                    learner.apply();
                    long took = System.nanoTime() - start;
                    if (step >= 0) {
                        CommunicationTimes sums = learner.communication();
                        String times = sums.sums().stream()
                                .map(sum -> " " + sum.from() + " " + sum.to())
                                .collect(Collectors.joining());
                        RankProcess.say((learner == with ? 1 : 0) + " " + took + " " + sums.nanos() + " "
                                + sums.exposedNanos() + " " + cpu.all + " " + (cpu.all - cpu.hidden) + " "
                                + sums.exposed().from() + times);
                    }
                }
            }
        }
    }

    /** CPU time of a step's communication thread, up to the end of backward and up to its own end. */
    private static final class SumsCpu implements Consumer<StepPhase> {
        private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
        long hidden;
        long all;

        @Override
        public void accept(StepPhase phase) {
            if (phase == StepPhase.REDUCE) {
                hidden = now();
            } else if (phase == StepPhase.APPLY) {
                all = now();
            }
        }

        private static long now() {
            long nanos = 0;
            for (ThreadInfo thread : THREADS.getThreadInfo(THREADS.getAllThreadIds())) {
                if (thread != null && thread.getThreadName().equals(CommunicationThread.THREAD)) {
                    nanos = Math.max(nanos, THREADS.getThreadCpuTime(thread.getThreadId()));
                }
            }
            return nanos;
        }
    }

    private static Learner learner(int size, long bucketBytes, Precision gradients, NDManager manager) {
        StepSettings settings = new StepSettings(
                GROUP * size,
                GROUP,
                GROUP,
                CROPS,
                new Sinkhorn(0.05, 3),
                0.1,
                new Larc(0.9, 1e-6, 1e-3, false),
                0,
                gradients == Precision.FP32,
                bucketBytes,
                Precision.FP32,
                gradients,
                QueueSettings.NONE);
        Learner learner =
                new Learner(settings, Architecture.of("resnet18", "imagenet", 512, 128, 100), step -> 0.1, manager);
        learner.network().initialize(31);
        return learner;
    }
}
