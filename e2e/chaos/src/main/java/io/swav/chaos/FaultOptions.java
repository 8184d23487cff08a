package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import io.swav.local.LocalClusterException;
import java.util.EnumMap;
import java.util.Map;
import picocli.CommandLine.Option;

/** The options of {@code swav storm} that say how often each fault is injected. */
final class FaultOptions {
    @Option(names = "--kills", description = "Number of SIGKILLs to single trainers (default: ${DEFAULT-VALUE}).")
    private int kills = 10;

    @Option(
            names = "--notices",
            description =
                    "Number of termination notices, in turn: pod deleted, pod evicted, SIGTERM, spot taint on the node"
                            + " (default: ${DEFAULT-VALUE}).")
    private int notices = 10;

    @Option(names = "--resizes", description = "Number of changes of replicas (default: ${DEFAULT-VALUE}).")
    private int resizes = 6;

    @Option(names = "--hangs", description = "Number of SIGSTOPs to single trainers (default: ${DEFAULT-VALUE}).")
    private int hangs = 2;

    @Option(
            names = "--node-losses",
            description = "Number of nodes lost with all their pods, without notice to the API server"
                    + " (default: ${DEFAULT-VALUE}).")
    private int nodeLosses;

    @Option(names = "--stop-api", paramLabel = "SECONDS", description = "Stop the API server once, for this long.")
    private double stopApi;

    @Option(names = "--stop-operator", paramLabel = "SECONDS", description = "Stop the operator once, for this long.")
    private double stopOperator;

    @Option(names = "--kill-all-but-one", description = "Once, send SIGKILL to all trainers but one.")
    private boolean killAllButOne;

    @Option(
            names = "--kill-all",
            description = "Once, send SIGKILL to all trainers; training resumes from the newest checkpoint.")
    private boolean killAll;

    @Option(
            names = "--flips",
            description = "Number of bits that flip between two trainers (default: ${DEFAULT-VALUE}).")
    private int flips;

    @Option(
            names = "--repeats",
            description = "Number of times that bytes between two trainers arrive twice (default: ${DEFAULT-VALUE}).")
    private int repeats;

    @Option(
            names = "--cuts",
            description = "Number of connections between two trainers that end in the middle of their bytes"
                    + " (default: ${DEFAULT-VALUE}).")
    private int cuts;

    @Option(
            names = "--delays",
            description = "Number of times that bytes between two trainers arrive two seconds late"
                    + " (default: ${DEFAULT-VALUE}).")
    private int delays;

    @Option(
            names = "--strangers",
            description = "Number of connections to trainers from a program that is no trainer, in turn: it sends"
                    + " rubbish, or nothing (default: ${DEFAULT-VALUE}).")
    private int strangers;

    @Option(
            names = "--unreachable",
            description = "Number of new trainers whose port cannot be reached, in turn: it refuses connections, or"
                    + " never answers (default: ${DEFAULT-VALUE}).")
    private int unreachable;

    @Option(
            names = "--data-changes",
            description = "Number of new trainers that see more images than the job (default: ${DEFAULT-VALUE}).")
    private int dataChanges;

    @Option(
            names = "--nans",
            description = "Number of steps in which the images of one trainer are NaN, once"
                    + " (default: ${DEFAULT-VALUE}).")
    private int nans;

    @Option(names = "--drift", description = "Once, and before all other faults, flip a bit of one trainer's weights.")
    private boolean drift;

    StormScript.FaultPlan plan(int ranks, int min, int max, int nodes, double killEvery) {
        Map<Kind, Integer> counts = new EnumMap<>(Kind.class);
        counts.put(Kind.KILL, kills);
        counts.put(Kind.NOTICE, notices);
        counts.put(Kind.HANG, hangs);
        counts.put(Kind.RESIZE, resizes);
        counts.put(Kind.NODE, nodeLosses);
        counts.put(Kind.KILL_ALL_BUT_ONE, killAllButOne ? 1 : 0);
        counts.put(Kind.KILL_ALL, killAll ? 1 : 0);
        counts.put(Kind.API_AWAY, stopApi > 0 ? 1 : 0);
        counts.put(Kind.OPERATOR_AWAY, stopOperator > 0 ? 1 : 0);
        counts.put(Kind.FLIP, flips);
        counts.put(Kind.REPEAT, repeats);
        counts.put(Kind.CUT, cuts);
        counts.put(Kind.DELAY, delays);
        counts.put(Kind.STRANGER, strangers);
        counts.put(Kind.UNREACHABLE, unreachable);
        counts.put(Kind.OTHER_DATA, dataChanges);
        counts.put(Kind.NAN, nans);
        counts.put(Kind.DRIFT, drift ? 1 : 0);
        counts.forEach((kind, count) -> {
            if (count < 0) {
                throw new LocalClusterException("the number of " + kind.plural + " is " + count + ", less than 0");
            }
        });
        return new StormScript.FaultPlan(counts, ranks, min, max, nodes, killEvery, stopApi, stopOperator);
    }
}
