package io.swav.conformance;

import io.swav.multiprocess.ProcessGroup;
import io.swav.multiprocess.RankFailure;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Runs every case of {@link CardRank} for some numbers of ranks, and prints a line for each; {@code e2e/gpu/run.sh} starts
 * it. Arguments: libraries (see {@link Card}), numbers of ranks.
 */
public final class CardRun {
    /** Cases in which rank 0 kills the last rank, while the host waits for every sum, or runs ahead of the GPU. */
    private static final Set<String> KILLING = Set.of("killed", "ahead");
    /** Number of repetitions of these cases, to measure the distribution of times. */
    private static final int KILLS = Integer.getInteger("card.kills", 1);

    /** Cases that run one after another in the same processes. */
    private static final List<List<String>> RUNS = List.of(
            List.of("contract", "shrink", "worlds", "bench"), List.of("killed"), List.of("ahead"), List.of("hung"));

    private static final Duration LONGEST = Duration.ofMinutes(3);

    /** The result of one case. */
    record Result(String what, int ranks, Verdict verdict, String detail) {
        @Override
        public String toString() {
            return verdict + "  " + what + ", " + ranks + " ranks: " + detail;
        }
    }

    enum Verdict {
        PASS,
        FAIL,
        SKIP
    }

    private CardRun() {}

    public static void main(String[] args) throws Exception {
        List<Integer> sizes = Stream.of(args).skip(1).map(Integer::valueOf).toList();
        // the stub copies all data that a GPU would move, on the processors that the ranks share
        String[] jvm = args[0].equals(Card.REAL) ? new String[0] : new String[] {"-Dcard.floats=250000"};
        List<Result> results = all(args[0], sizes, System.out::println, jvm);
        System.exit(results.stream().allMatch(result -> result.verdict() == Verdict.PASS) ? 0 : 1);
    }

    /** @param line receives every result immediately */
    static List<Result> all(String libraries, List<Integer> sizes, Consumer<String> line, String... jvm)
            throws IOException, InterruptedException {
        List<Result> results = new ArrayList<>();
        for (int size : sizes) {
            for (List<String> cases : RUNS) {
                for (int time = 0; time < (kills(cases) ? KILLS : 1); time++) {
                    for (Result result : run(List.of(jvm), libraries, size, cases)) {
                        line.accept(result.toString());
                        results.add(result);
                    }
                }
            }
        }
        return results;
    }

    private static boolean kills(List<String> cases) {
        return cases.stream().anyMatch(KILLING::contains);
    }

    private static List<Result> run(List<String> jvm, String libraries, int size, List<String> cases)
            throws IOException, InterruptedException {
        Map<String, String> printed = new ConcurrentHashMap<>();
        Optional<String> problem = ProcessGroup.run(
                        jvm,
                        CardRank.class,
                        size,
                        LONGEST,
                        List.of(libraries, String.join(",", cases)),
                        (rank, line) -> {
                            if (rank == 0) {
                                String[] parts = line.split(": ", 2);
                                printed.put(parts[0], parts[1]);
                            }
                        })
                .map(RankFailure::what);
        if (kills(cases)) {
            String as = "rank " + (size - 1) + " ended with exit code 137"; // 128 + SIGKILL
            problem = problem.isEmpty()
                    ? Optional.of("rank " + (size - 1) + " was not killed")
                    : problem.filter(other -> !other.startsWith(as));
        }
        List<Result> results = new ArrayList<>();
        boolean failed = false;
        for (String what : cases) {
            boolean last = what.equals(cases.get(cases.size() - 1));
            boolean passed = printed.containsKey(what) && !(last && problem.isPresent());
            Verdict verdict = passed ? Verdict.PASS : failed ? Verdict.SKIP : Verdict.FAIL;
            String detail = switch (verdict) {
                case PASS -> printed.get(what);
                case FAIL -> problem.orElse("rank 0 printed no result");
                case SKIP -> "an earlier case failed";
            };
            failed |= !passed;
            results.add(new Result(what, size, verdict, String.valueOf(detail)));
        }
        return results;
    }
}
