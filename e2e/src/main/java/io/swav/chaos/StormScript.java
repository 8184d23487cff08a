package io.swav.chaos;

import io.swav.chaos.InjectedFault.Kind;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** What is to happen in a storm and when: a function of the wishes and a seed. */
final class StormScript {
    /** Share of the steps before the first and after the last event, so that both are seen to matter. */
    private static final double CALM_BEFORE = 0.03;

    private static final double CALM_AFTER = 0.06;

    /** Ways to give notice, taken in turn. */
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
     * How often each thing happens.
     *
     * @param replicas at the beginning
     * @param minReplicas fewest that a resize asks for
     * @param maxReplicas most that a resize asks for
     * @param nodes 1 leaves out the taint, which would give notice to every pod
     * @param killEverySeconds beside the counted ones, by the clock; 0 for none
     * @param apiAwaySeconds once, 0 for never
     * @param operatorAwaySeconds once, 0 for never
     */
    record Wishes(
            int kills,
            int notices,
            int hangs,
            int resizes,
            int nodeLosses,
            int replicas,
            int minReplicas,
            int maxReplicas,
            int nodes,
            double killEverySeconds,
            double apiAwaySeconds,
            double operatorAwaySeconds,
            boolean killAllButOne,
            boolean killAll) {}

    /**
     * One event to come.
     *
     * @param step not before this many steps are applied
     * @param second nor before so many seconds have passed since the first step
     * @param notice how it is given; of notices alone
     * @param replicas wanted by a resize
     * @param seconds how long an absence lasts
     * @param pick chooses the victim among those there are
     */
    record Planned(Kind kind, long step, double second, Notice notice, int replicas, double seconds, long pick) {
        boolean due(long stepsDone, double secondsDone) {
            return stepsDone >= step && secondsDone >= second;
        }

        /** One kill in four does not wait until the job has got over what happened before. */
        boolean hasty() {
            return kind == Kind.KILL && (pick & 3) == 0;
        }
    }

    private StormScript() {}

    /**
     * In the order in which they happen.
     *
     * @param steps of the whole job
     * @throws IllegalArgumentException when the events do not fit in so many steps
     */
    static List<Planned> plan(Wishes wishes, long steps, long seed) {
        Random random = new Random(seed);
        List<Kind> kinds = new ArrayList<>();
        add(kinds, Kind.KILL, wishes.kills());
        add(kinds, Kind.NOTICE, wishes.notices());
        add(kinds, Kind.HANG, wishes.hangs());
        add(kinds, Kind.RESIZE, wishes.resizes());
        add(kinds, Kind.NODE, wishes.nodeLosses());
        add(kinds, Kind.API_AWAY, wishes.apiAwaySeconds() > 0 ? 1 : 0);
        add(kinds, Kind.OPERATOR_AWAY, wishes.operatorAwaySeconds() > 0 ? 1 : 0);
        add(kinds, Kind.KILL_ALL_BUT_ONE, wishes.killAllButOne() ? 1 : 0);
        add(kinds, Kind.KILL_ALL, wishes.killAll() ? 1 : 0);
        Collections.shuffle(kinds, random);

        long first = Math.max(2, Math.round(steps * CALM_BEFORE));
        long last = steps - Math.max(2, Math.round(steps * CALM_AFTER));
        if (last - first < 2L * kinds.size()) {
            throw new IllegalArgumentException(kinds.size() + " events do not fit in " + steps
                    + " steps: two steps for each are the least, ask for more steps or fewer events");
        }
        List<Planned> plan = new ArrayList<>();
        double slot = kinds.isEmpty() ? 0 : (double) (last - first) / kinds.size();
        int replicas = wishes.replicas();
        int notices = 0;
        for (int i = 0; i < kinds.size(); i++) {
            Kind kind = kinds.get(i);
            if (kind == Kind.RESIZE) {
                replicas = other(replicas, wishes.minReplicas(), wishes.maxReplicas(), random);
            }
            long step = first + (long) ((i + 0.8 * random.nextDouble()) * slot);
            int ways = wishes.nodes() > 1 ? Notice.values().length : Notice.values().length - 1; // the taint is last
            Notice notice = Notice.values()[kind == Kind.NOTICE ? notices++ % ways : 0];
            double seconds = kind == Kind.API_AWAY
                    ? wishes.apiAwaySeconds()
                    : kind == Kind.OPERATOR_AWAY ? wishes.operatorAwaySeconds() : 0;
            plan.add(new Planned(kind, step, 0, notice, replicas, seconds, random.nextLong()));
        }
        return plan;
    }

    /** Kill number {@code count} (from 1) by the clock. */
    static Planned killByClock(Wishes wishes, int count, long seed) {
        long pick = new Random(seed + 31L * count).nextLong();
        return new Planned(Kind.KILL, 1, count * wishes.killEverySeconds(), Notice.DELETE, 0, 0, pick);
    }

    /** Another number in [min, max]. */
    private static int other(int than, int min, int max, Random random) {
        if (min >= max) {
            throw new IllegalArgumentException("no resize is possible between " + min + " and " + max + " replicas");
        }
        int pick = min + random.nextInt(than >= min && than <= max ? max - min : max - min + 1);
        return than >= min && than <= max && pick >= than ? pick + 1 : pick;
    }

    private static void add(List<Kind> kinds, Kind kind, int count) {
        for (int i = 0; i < count; i++) {
            kinds.add(kind);
        }
    }
}
