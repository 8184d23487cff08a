package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** The sequence of faults of a storm and when each is due: a function of the fault plan and a seed. */
final class StormScript {
    /** Fraction of the steps before the first fault and after the last one, so that the effect of both is visible. */
    private static final double CALM_BEFORE = 0.03;

    private static final double CALM_AFTER = 0.06;
    /** Before a drift: all trainers of the start must have entered the world, because one of them drifts. */
    private static final double CALM_BEFORE_DRIFT = 0.12;
    /** The part of the faults in which newcomers with trouble come: it takes half a minute until the status names one. */
    private static final double NEWCOMERS = 0.6;

    /** Ways to give a termination notice, taken in turn. */
    enum Notice {
        DELETE("pod deleted"),
        EVICT("pod evicted"),
        SIGTERM("SIGTERM to the process"),
        TAINT("spot taint on the node");

        final String words;

        Notice(String words) {
            this.words = words;
        }
    }

    /**
     * How often each fault is injected.
     *
     * @param counts number of faults of each kind; a kind that is absent is not injected
     * @param replicas at the start
     * @param minReplicas fewest that a resize requests
     * @param maxReplicas most that a resize requests
     * @param nodes with 1, taints are left out, because one would give notice to every pod
     * @param killEverySeconds interval of additional kills by the clock; 0 for none
     * @param apiAwaySeconds duration of an outage
     * @param operatorAwaySeconds duration of an outage
     */
    record FaultPlan(
            Map<Kind, Integer> counts,
            int replicas,
            int minReplicas,
            int maxReplicas,
            int nodes,
            double killEverySeconds,
            double apiAwaySeconds,
            double operatorAwaySeconds) {
        FaultPlan {
            counts = Map.copyOf(counts);
        }

        int count(Kind kind) {
            return counts.getOrDefault(kind, 0);
        }

        boolean hasNewcomers() {
            return count(Kind.UNREACHABLE) + count(Kind.OTHER_DATA) > 0;
        }

        /** Whether proxies have to stand before the trainers. */
        boolean needsLines() {
            return count(Kind.UNREACHABLE) > 0
                    || counts.entrySet().stream()
                            .anyMatch(entry -> entry.getKey().lineFault().isPresent() && entry.getValue() > 0);
        }
    }

    /**
     * A fault to be injected.
     *
     * @param step earliest number of applied steps at which it is due
     * @param second earliest time at which it is due, in seconds since the first step
     * @param notice the way to give notice; applies to notices only
     * @param replicas desired replicas from here on
     * @param seconds duration of an outage
     * @param pick chooses the victim among the candidates
     */
    record Planned(Kind kind, long step, double second, Notice notice, int replicas, double seconds, long pick) {
        boolean due(long stepsDone, double secondsDone) {
            return stepsDone >= step && secondsDone >= second;
        }

        /** Whether the fault is injected before the job has recovered from the one before: one kill in four. */
        boolean hasty() {
            return kind == Kind.KILL && (pick & 3) == 0;
        }
    }

    private StormScript() {}

    /**
     * The faults in the order in which they are injected.
     *
     * @param steps number of steps of the whole job
     * @throws IllegalArgumentException if the faults do not fit in that many steps
     */
    static List<Planned> plan(FaultPlan faultPlan, long steps, long seed) {
        Random random = new Random(seed);
        List<Kind> kinds = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            kinds.addAll(Collections.nCopies(faultPlan.count(kind), kind));
        }
        Collections.shuffle(kinds, random);
        if (kinds.remove(Kind.DRIFT)) {
            kinds.add(0, Kind.DRIFT); // it hits one of the first pods, which a later one may no longer find
        }

        newcomersFirst(kinds);
        double calm = kinds.contains(Kind.DRIFT) ? CALM_BEFORE_DRIFT : CALM_BEFORE;
        long first = Math.max(2, Math.round(steps * calm));
        long last = steps - Math.max(2, Math.round(steps * CALM_AFTER));
        if (last - first < 2L * kinds.size()) {
            throw new IllegalArgumentException(kinds.size() + " events do not fit in " + steps
                    + " steps: each needs at least two. Increase --steps or request fewer events");
        }
        List<Planned> plan = new ArrayList<>();
        double slot = kinds.isEmpty() ? 0 : (double) (last - first) / kinds.size();
        int replicas = faultPlan.replicas();
        int notices = 0;
        for (int i = 0; i < kinds.size(); i++) {
            Kind kind = kinds.get(i);
            if (kind == Kind.RESIZE) {
                replicas = other(replicas, faultPlan.minReplicas(), faultPlan.maxReplicas(), random);
            }
            long step = first + (long) ((i + 0.8 * random.nextDouble()) * slot);
            int ways = faultPlan.nodes() > 1 ? Notice.values().length : Notice.values().length - 1; // the taint is last
            Notice notice = Notice.values()[kind == Kind.NOTICE ? notices++ % ways : 0];
            double seconds = kind == Kind.API_AWAY
                    ? faultPlan.apiAwaySeconds()
                    : kind == Kind.OPERATOR_AWAY ? faultPlan.operatorAwaySeconds() : 0;
            plan.add(new Planned(kind, step, 0, notice, replicas, seconds, random.nextLong()));
        }
        return plan;
    }

    /** Exchanges newcomers that come late with other faults that come early. */
    private static void newcomersFirst(List<Kind> kinds) {
        int late = (int) Math.ceil(NEWCOMERS * kinds.size());
        int early = late - 1;
        for (int i = late; i < kinds.size(); i++) {
            while (kinds.get(i).isNewcomer() && early > 0) {
                Collections.swap(kinds, i, early--);
            }
        }
    }

    /** The kill number {@code count} (from 1) by the clock. */
    static Planned killByClock(FaultPlan faultPlan, int count, long seed) {
        long pick = new Random(seed + 31L * count).nextLong();
        return new Planned(Kind.KILL, 1, count * faultPlan.killEverySeconds(), Notice.DELETE, 0, 0, pick);
    }

    /** A random number in [min, max] other than {@code than}. */
    private static int other(int than, int min, int max, Random random) {
        if (min >= max) {
            throw new IllegalArgumentException("no resize is possible between " + min + " and " + max
                    + " replicas: --min must be less than --max, or --resizes 0");
        }
        int pick = min + random.nextInt(than >= min && than <= max ? max - min : max - min + 1);
        return than >= min && than <= max && pick >= than ? pick + 1 : pick;
    }
}
