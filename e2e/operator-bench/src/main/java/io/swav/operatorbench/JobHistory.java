package io.swav.operatorbench;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** What the watch has seen of a job's pods and worlds, for the checks in the end. */
final class JobHistory {
    private final Map<String, String> names = new LinkedHashMap<>();
    private final Set<String> gone = new TreeSet<>();
    private final Set<String> taken = new TreeSet<>();
    private final Set<Long> generations = new TreeSet<>();
    private int allowed;
    private int excess;
    private long excessSince;
    private long excessNanos;

    /** Notes a pod, and whether it is being deleted or gone. */
    synchronized void pod(String uid, String name, boolean leaving) {
        names.put(uid, name);
        if (leaving) {
            gone.add(uid);
        }
    }

    /** Notes that the bench is about to delete a pod. */
    synchronized void taken(String uid) {
        taken.add(uid);
    }

    synchronized void generation(long generation) {
        if (generation > 0) {
            generations.add(generation);
        }
    }

    /**
     * Notes how many pods there are.
     *
     * @param wanted by the spec now; more are allowed until the job had just these
     */
    synchronized void count(int alive, int wanted, long nanoTime) {
        allowed = alive == wanted ? wanted : Math.max(allowed, wanted);
        if (alive > allowed) {
            excess = Math.max(excess, alive - allowed);
            excessSince = excessSince == 0 ? nanoTime : excessSince;
            excessNanos = Math.max(excessNanos, nanoTime - excessSince);
        } else if (excessSince != 0) {
            excessNanos = Math.max(excessNanos, nanoTime - excessSince);
            excessSince = 0;
        }
    }

    /** Returns the names of all pods that there were. */
    synchronized Set<String> created() {
        return new TreeSet<>(names.values());
    }

    /** Returns the names of the pods that left although the bench had not deleted them. */
    synchronized Set<String> released() {
        Set<String> released = new TreeSet<>();
        names.forEach((uid, name) -> {
            if (gone.contains(uid) && !taken.contains(uid)) {
                released.add(name);
            }
        });
        return released;
    }

    synchronized Set<Long> generations() {
        return new TreeSet<>(generations);
    }

    /** Returns the largest number of pods beyond those that were ever wanted at once. */
    synchronized int excess() {
        return excess;
    }

    /** Returns for how long there was one too many, at most. */
    synchronized double excessSeconds() {
        return excessNanos / 1e9;
    }
}
